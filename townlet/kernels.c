/* What an actor does with every lane in every step, for CPUs: one pass over the lanes in place of dozens of small tensor
 * operations. Each function does what the one named beside it does on tensors, bit for bit.
 *
 * Legend: L lanes, A actions, F records to be put. All arrays are row-major.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* The digest of the source that this was built from. */
const char *source_digest(void) { return SOURCE; }

/* exploration.epsilon_greedy. q, mask: [L, A]. epsilon: [L]. uniform: [L, A + 1]. action: [L], written. */
void epsilon_greedy(int64_t lanes, int64_t actions, const float *q, const uint8_t *mask, const float *epsilon,
                    const float *uniform, int64_t *action) {
    for (int64_t lane = 0; lane < lanes; lane++, q += actions, mask += actions, uniform += actions + 1) {
        const float *score = uniform[0] < epsilon[lane] ? uniform + 1 : q;
        float most = -INFINITY;
        action[lane] = 0;
        for (int64_t each = 0; each < actions; each++) {
            if (!mask[each] || !(score[each] > most || isnan(score[each]))) continue;
            action[lane] = each;
            if (isnan(score[each])) break; /* as for torch, nothing is more */
            most = score[each];
        }
    }
}

/* RecordWriter.write. widths, columns: [fields], the bytes of a field, and where its values [F] lie; NULL for zeros.
 * lanes, steps: [F]. records: written at each lane and step; `lane_stride` bytes from lane to lane, `stride` from step
 * to step. */
void put_records(int64_t count, int64_t fields, int64_t lane_stride, int64_t stride, const int64_t *widths,
                 const uint8_t *const *columns, const int64_t *lanes, const int64_t *steps, uint8_t *records) {
    for (int64_t i = 0; i < count; i++) {
        uint8_t *at = records + lanes[i] * lane_stride + steps[i] * stride;
        for (int64_t field = 0; field < fields; field++) {
            const int64_t width = widths[field];
            const uint8_t *column = columns[field];
            if (!column)
                memset(at, 0, (size_t)width);
            else if (width == 1)
                *at = column[i];
            else if (width == 4)
                memcpy(at, column + 4 * i, 4);
            else
                memcpy(at, column + width * i, (size_t)width);
            at += width;
        }
    }
}
