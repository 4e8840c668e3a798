"""What the learner logs reaches the user: once, in words, and nothing of an earlier life."""

import json

from townlet.launch.learner_news import LearnerNews


def logged(event: str, **values) -> bytes:
    return json.dumps({"event": event, "level": "info", **values}).encode() + b"\n"


def test_each_event_that_is_to_be_told_is_told_once(tmp_path):
    path = tmp_path / "learner.log"
    path.write_bytes(logged("resumed", version=1, updates=10))
    news = LearnerNews(path)
    with path.open("ab", buffering=0) as log:
        assert news.lines() == []
        log.write(b"Traceback (most recent call last):\n" + logged("serving", port=1))
        damaged = logged("version_passed_over", version=3, reason="v/manifest.json: expected a, found b")
        log.write(damaged[:20])
        assert news.lines() == []
        log.write(damaged[20:] + logged("resumed", version=2, updates=20))
        assert news.lines() == [
            "version 3 is damaged, and passed over: v/manifest.json: expected a, found b",
            "the run goes on from version 2, after 20 updates",
        ]
        assert news.lines() == []


def test_a_log_that_is_not_there_yet_says_nothing(tmp_path):
    assert LearnerNews(tmp_path / "learner.log").lines() == []
