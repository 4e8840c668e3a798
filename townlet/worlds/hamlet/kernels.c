/* The rules of the Hamlet world for CPUs: one pass over the lanes in place of hundreds of small tensor operations.
 *
 * Each function does what the one named beside it does on tensors (`mechanics.py`), bit for bit: the same operations in
 * the same order, each of which IEEE 754 rounds exactly. It must be compiled without contraction to fused operations.
 *
 * Legend: L lanes, C cells, N actions, M meters, A affordances (number A stands for none), S stages, D ticks a day,
 * K difficulties, B * B the ground's codes, W * W a window's cells, P planes of a window. All arrays are row-major.
 */
#include <stdint.h>
#include <string.h>

enum { INTERACT = 4 };

typedef struct {
    int64_t actions, cells, meters, affordances, stages, most_ticks, day, difficulties, ground, window, planes;
    int64_t modulations, groups, lethals, payment, mask_unaffordable;
    float threshold;
    const int64_t *destination;       /* [C, N] */
    const uint8_t *action_mask;       /* [C, 2, N] */
    const float *relative;            /* [C, 2] */
    const float *action_cost;         /* [M, N] */
    const float *initial;             /* [M] */
    const float *decay;               /* [M, K] */
    const float *coefficients;        /* [2 * modulations + cascades, K]: at_empty and saved of each, then factors */
    const int64_t *modulated;         /* [modulations, 2]: source, target */
    const int64_t *cascaded;          /* [cascades, 2]: source, target */
    const int64_t *group_end;         /* [groups]: number of the first cascade behind each group */
    const int64_t *lethal;            /* [lethals] */
    const int64_t *step_cap;          /* [K] */
    const float *gain;                /* [M, S] */
    const float *payment_gain;        /* [K, S]: of the meter that pays */
    const uint8_t *free;              /* [K] */
    const float *least_money;         /* [A + 1] */
    const int64_t *progress_after;    /* [S] */
    const uint8_t *open;              /* [A + 1, D] */
    const float *clock;               /* [S, D, 3] */
    const int64_t *place;             /* [A] */
    const int64_t *shared;            /* [C]: the code of each cell, where all lanes have one layout for good; or NULL */
    const uint8_t *empty;             /* [B * B] */
    const int64_t *inner;             /* [C] */
    const int64_t *corner;            /* [C] */
    const int64_t *window_offsets;    /* [W * W] */
    const uint8_t *fixed_windows;     /* [C, P, W * W], where no lane has a layout of its own; or NULL */
} Rules;

/* The digest of the source that this was built from. */
const char *source_digest(void) { return SOURCE; }

static float clamped(float value) { return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value; }

static void clamp_all(float *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = clamped(values[i]);
}

static int affords(const Rules *rules, int64_t underfoot, int64_t difficulty, float money) {
    return money >= rules->least_money[underfoot] || rules->free[difficulty];
}

/* MeterRules.acted. meters, acted: [M, L]. stage: [L], the last one where nothing was gained. */
static void act(const Rules *rules, int64_t lanes, const int64_t *action, const int64_t *difficulty,
                const int64_t *gained, const float *meters, float *acted) {
    for (int64_t meter = 0; meter < rules->meters; meter++) {
        const float *cost = rules->action_cost + meter * rules->actions, *before = meters + meter * lanes;
        float *after = acted + meter * lanes;
        if (meter == rules->payment) {
            for (int64_t lane = 0; lane < lanes; lane++) {
                float gain = rules->payment_gain[difficulty[lane] * rules->stages + gained[lane]];
                after[lane] = clamped((before[lane] - cost[action[lane]]) + gain);
            }
        } else {
            const float *gain = rules->gain + meter * rules->stages;
            for (int64_t lane = 0; lane < lanes; lane++)
                after[lane] = clamped((before[lane] - cost[action[lane]]) + gain[gained[lane]]);
        }
    }
}

/* MeterRules.lived. acted, meters: [M, L]. Where there is one difficulty, lanes need not be asked for theirs. */
static void live(const Rules *rules, int64_t lanes, const float *multiplier, const int64_t *difficulty,
                 const float *acted, float *meters) {
    const int64_t kinds = rules->difficulties;
    const int one = kinds == 1;
    for (int64_t meter = 0; meter < rules->meters; meter++) {
        const float *decay = rules->decay + meter * kinds, *before = acted + meter * lanes;
        float *after = meters + meter * lanes;
        for (int64_t lane = 0; lane < lanes; lane++)
            after[lane] = clamped(before[lane] - decay[one ? 0 : difficulty[lane]] * multiplier[lane]);
    }
    const float *coefficients = rules->coefficients;
    for (int64_t each = 0; each < rules->modulations; each++, coefficients += 2 * kinds) {
        const float *at_empty = coefficients, *saved = coefficients + kinds;
        const float *source = meters + rules->modulated[2 * each] * lanes;
        float *target = meters + rules->modulated[2 * each + 1] * lanes;
        for (int64_t lane = 0; lane < lanes; lane++) {
            int64_t kind = one ? 0 : difficulty[lane];
            target[lane] += source[lane] * saved[kind] - at_empty[kind];
        }
    }
    clamp_all(meters, rules->meters * lanes);
    const float threshold = rules->threshold;
    for (int64_t group = 0, each = 0; group < rules->groups; group++) {
        for (; each < rules->group_end[group]; each++, coefficients += kinds) {
            const float *source = meters + rules->cascaded[2 * each] * lanes;
            float *target = meters + rules->cascaded[2 * each + 1] * lanes;
            for (int64_t lane = 0; lane < lanes; lane++) {
                float missing = (source[lane] > threshold ? threshold : source[lane]) - threshold;
                target[lane] += missing * coefficients[one ? 0 : difficulty[lane]];
            }
        }
        clamp_all(meters, rules->meters * lanes);
    }
}

/* dynamics.advance. gained: scratch, [L]. Everything behind it is written. */
void hamlet_advance(const Rules *rules, int64_t lanes, const int64_t *action, const int64_t *cell, const float *meters,
                    const int64_t *steps, const int64_t *progress, const float *multiplier, const int64_t *difficulty,
                    const int64_t *underfoot, const int64_t *stage, const uint8_t *open, int64_t *gained,
                    int64_t *next_cell, int64_t *next_steps, int64_t *next_progress, uint8_t *interacted,
                    uint8_t *terminated, uint8_t *truncated, float *acted, float *next_meters) {
    const float *money = meters + rules->payment * lanes;
    for (int64_t lane = 0; lane < lanes; lane++) {
        int done = action[lane] == INTERACT && open[lane]
                   && affords(rules, underfoot[lane], difficulty[lane], money[lane]);
        interacted[lane] = (uint8_t)done;
        gained[lane] = done ? stage[lane] : rules->stages - 1;
        next_cell[lane] = rules->destination[cell[lane] * rules->actions + action[lane]];
        next_steps[lane] = steps[lane] + 1;
        int64_t ticks = done ? rules->progress_after[stage[lane]] : progress[lane];
        next_progress[lane] = next_cell[lane] == cell[lane] ? ticks : 0;
    }
    act(rules, lanes, action, difficulty, gained, meters, acted);
    live(rules, lanes, multiplier, difficulty, acted, next_meters);
    for (int64_t lane = 0; lane < lanes; lane++) {
        int dead = 0;
        for (int64_t each = 0; each < rules->lethals; each++)
            dead |= next_meters[rules->lethal[each] * lanes + lane] <= 0.0f;
        terminated[lane] = (uint8_t)dead;
        truncated[lane] = !dead && next_steps[lane] >= rules->step_cap[difficulty[lane]];
    }
}

/* Rules.footing, of `count` lanes: those of `lanes`, or the first ones where that is NULL. ground: [L, B * B]. */
void hamlet_footing(const Rules *rules, int64_t count, const int64_t *lanes, const int64_t *cell, const int64_t *steps,
                    const int64_t *progress, const uint8_t *ground, int64_t *underfoot, int64_t *stage, int64_t *hour,
                    uint8_t *open) {
    for (int64_t i = 0; i < count; i++) {
        int64_t lane = lanes ? lanes[i] : i;
        int64_t here = rules->shared ? rules->shared[cell[lane]]
                                     : ground[lane * rules->ground + rules->inner[cell[lane]]];
        underfoot[i] = here;
        hour[i] = steps[lane] % rules->day;
        stage[i] = here * rules->most_ticks + progress[lane];
        open[i] = rules->open[here * rules->day + hour[i]];
    }
}

/* Observer._windows, of one lane. window: [P, W * W]. */
static void look_around(const Rules *rules, int64_t cell, const uint8_t *ground, uint8_t *window) {
    const uint8_t none = (uint8_t)rules->affordances, *corner = ground + rules->corner[cell];
    if (rules->planes == 1) {
        for (int64_t i = 0; i < rules->window; i++) window[i] = corner[rules->window_offsets[i]] < none;
        return;
    }
    memset(window, 0, (size_t)(rules->planes * rules->window));
    for (int64_t i = 0; i < rules->window; i++) {
        uint8_t code = corner[rules->window_offsets[i]];
        if (code != none) window[(code < none ? code : none) * rules->window + i] = 1;
    }
}

/* Observer.view, of `count` of L lanes, see hamlet_footing. meters: [M, L]. underfoot, stage, hour, open: [count]. From
 * mask on, everything is written; a block that the level lacks is NULL. */
void hamlet_view(const Rules *rules, int64_t count, int64_t all, const int64_t *lanes, const int64_t *cell,
                 const float *meters, const int64_t *difficulty, const int64_t *place, const uint8_t *ground,
                 const int64_t *underfoot, const int64_t *stage, const int64_t *hour, const uint8_t *open,
                 uint8_t *mask, uint8_t *cells, float *affordances, uint8_t *window, float *position,
                 float *seen_meters, uint8_t *standing, float *temporal) {
    const int64_t places = rules->affordances, size = rules->planes * rules->window;
    if (cells) memset(cells, 0, (size_t)(count * rules->cells));
    memset(standing, 0, (size_t)(count * (places + 1)));
    for (int64_t i = 0; i < count; i++) {
        int64_t lane = lanes ? lanes[i] : i, here = cell[lane];
        int able = open[i];
        if (able && rules->mask_unaffordable)
            able = affords(rules, underfoot[i], difficulty[lane], meters[rules->payment * all + lane]);
        const uint8_t *valid = rules->action_mask + (here * 2 + able) * rules->actions;
        memcpy(mask + i * rules->actions, valid, (size_t)rules->actions);
        if (cells) cells[i * rules->cells + here] = 1;
        for (int64_t each = 0; affordances && each < places; each++) {
            float *block = affordances + (i * places + each) * 3;
            memcpy(block, rules->relative + place[lane * places + each] * 2, 2 * sizeof(float));
            block[2] = rules->open[each * rules->day + hour[i]];
        }
        if (window && rules->fixed_windows)
            memcpy(window + i * size, rules->fixed_windows + here * size, (size_t)size);
        else if (window)
            look_around(rules, here, ground + lane * rules->ground, window + i * size);
        if (position) memcpy(position + i * 2, rules->relative + here * 2, 2 * sizeof(float));
        for (int64_t meter = 0; meter < rules->meters; meter++)
            seen_meters[i * rules->meters + meter] = meters[meter * all + lane];
        standing[i * (places + 1) + underfoot[i]] = 1;
        const float *now = rules->clock + (stage[i] * rules->day + hour[i]) * 3;
        if (temporal) memcpy(temporal + i * 3, now, 3 * sizeof(float));
    }
}

/* random_stream._next: number `counter` of SplitMix64's sequence from `key`. */
static uint64_t random_bits(uint64_t key, uint64_t counter) {
    uint64_t z = key + (counter + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* layout.random_place, of one lane. keys: scratch, [C]. place: [A]. ground: [B * B], empty. */
static void place_at_random(const Rules *rules, uint64_t key, int64_t *keys, int64_t *place, uint8_t *ground) {
    for (int64_t cell = 0; cell < rules->cells; cell++) keys[cell] = (int64_t)random_bits(key, (uint64_t)cell + 1);
    for (int64_t each = 0; each < rules->affordances; each++) {
        int64_t least = -1;
        for (int64_t cell = 0; cell < rules->cells; cell++) {
            int vacant = ground[rules->inner[cell]] == rules->affordances;
            if (vacant && (least < 0 || keys[cell] < keys[least])) least = cell;
        }
        place[each] = least;
        ground[rules->inner[least]] = (uint8_t)each;
    }
}

/* episodes.begin, in place, in `count` of L lanes, see hamlet_footing. keys: scratch, [C]. meters: [M, L]. place and
 * ground are written only without a shared layout. */
void hamlet_begin(const Rules *rules, int64_t count, int64_t all, int64_t random_layout, const int64_t *lanes,
                  const int64_t *stream, int64_t *keys, int64_t *episode, int64_t *cell, float *meters, int64_t *steps,
                  int64_t *progress, int64_t *place, uint8_t *ground) {
    const int64_t places = rules->affordances;
    for (int64_t i = 0; i < count; i++) {
        int64_t lane = lanes ? lanes[i] : i;
        uint64_t key = random_bits((uint64_t)stream[lane], (uint64_t)++episode[lane]);
        cell[lane] = (int64_t)(((random_bits(key, 0) >> 32) * (uint64_t)rules->cells) >> 32);
        for (int64_t meter = 0; meter < rules->meters; meter++) meters[meter * all + lane] = rules->initial[meter];
        steps[lane] = progress[lane] = 0;
        if (rules->shared) continue;
        uint8_t *lane_ground = ground + lane * rules->ground;
        memcpy(lane_ground, rules->empty, (size_t)rules->ground);
        if (random_layout) {
            place_at_random(rules, key, keys, place + lane * places, lane_ground);
            continue;
        }
        memcpy(place + lane * places, rules->place, (size_t)places * sizeof(int64_t));
        for (int64_t each = 0; each < places; each++) lane_ground[rules->inner[rules->place[each]]] = (uint8_t)each;
    }
}
