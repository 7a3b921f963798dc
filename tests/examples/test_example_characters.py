"""The character model learns, and a run that was interrupted ends in the bits of one that was not."""

import signal
from dataclasses import replace

import characters
import numpy as np
import pytest
from characters import Settings, Text, Training
from training import Bigram

SENTENCES = "the cat sat on the mat. the dog sat on the log. a cat and a dog sat on a mat. " * 20
# The streams are used up in steps 36 and 71: runs are interrupted between the two.
SMALL = Settings(steps=80, hidden=8, batch=4, segment=10, rate=0.02)


@pytest.fixture(scope="module")
def text():
    return Text.split(SENTENCES)


@pytest.fixture(scope="module")
def uninterrupted(text, tmp_path_factory):
    start = Training.start(text, SMALL)
    return characters.train(start, text, SMALL, tmp_path_factory.mktemp("whole") / "checkpoint.npz")


def bits(training):
    """Everything of a moment, byte for byte."""
    arrays = (*training.params, *training.adam.mean, *training.adam.square, *training.state)
    return [a.tobytes() for a in arrays], training.adam.step, training.position, training.offset, training.rng


def test_the_last_tenth_is_held_out(text):
    decoded = "".join(text.alphabet[code] for code in (*text.training, *text.held_out[1:]))
    assert decoded == SENTENCES
    assert len(text.held_out) - 1 == len(SENTENCES) // 10
    assert text.held_out[0] == text.training[-1]


def test_segments_follow_each_other_in_every_stream(text):
    first, ids = characters.next_segment(Training.start(text, SMALL), text, SMALL)
    _, following = characters.next_segment(first, text, SMALL)
    width = len(text.training) // SMALL.batch
    for stream in range(SMALL.batch):
        np.testing.assert_array_equal(ids[:, stream], text.training[stream * width : stream * width + 11])
    np.testing.assert_array_equal(following[0], ids[-1])


def test_used_up_streams_begin_again_elsewhere_with_an_empty_state(text):
    width = len(text.training) // SMALL.batch
    start = Training.start(text, SMALL)
    full = replace(start, state=type(start.state)(*(array + 1 for array in start.state)), position=width - 9)
    again, ids = characters.next_segment(full, text, SMALL)
    assert again.position == SMALL.segment
    assert again.rng != start.rng
    assert not any(array.any() for array in again.state)
    np.testing.assert_array_equal(ids[0, 0], text.training[again.offset])
    before_the_end, _ = characters.next_segment(replace(full, position=width - 10), text, SMALL)
    assert before_the_end.state is full.state


def test_the_state_is_carried_from_segment_to_segment(text):
    start = Training.start(text, SMALL)
    moved, _ = characters.advance(start, text, SMALL)
    assert all(array.any() for array in moved.state)
    forgetful = replace(moved, state=start.state)
    assert characters.advance(moved, text, SMALL)[1] != characters.advance(forgetful, text, SMALL)[1]


def test_it_learns_more_than_a_bigram_model(text, tmp_path):
    settings = replace(SMALL, steps=300, hidden=32)
    start = Training.start(text, settings)
    trained = characters.train(start, text, settings, tmp_path / "checkpoint.npz")
    bigram = Bigram.fit(text.training, len(text.alphabet)).bits(text.held_out)
    learned = characters.held_out_bits(trained.params, text)
    assert characters.held_out_bits(start.params, text) > bigram
    assert learned < 0.6 * bigram


def test_held_out_bits_do_not_depend_on_the_chunks(text):
    params = Training.start(text, SMALL).params
    whole, parts = (characters.held_out_bits(params, text, chunk) for chunk in (10_000, 7))
    assert whole == pytest.approx(parts, rel=1e-6)


def test_a_resumed_run_ends_in_the_same_bits(text, uninterrupted, tmp_path):
    path, moment = tmp_path / "checkpoint.npz", Training.start(text, SMALL)
    for _ in range(45):
        moment, _ = characters.advance(moment, text, SMALL)
    moment.save(path, text, SMALL)
    resumed = characters.train(Training.load(path, text, SMALL), text, SMALL, path)
    assert bits(resumed) == bits(uninterrupted)
    assert bits(Training.load(path, text, SMALL)) == bits(uninterrupted)


def test_after_ctrl_c_the_same_command_with_resume_ends_in_the_same_bits(
    text, uninterrupted, tmp_path, monkeypatch, capsys
):
    file, path = tmp_path / "text.txt", tmp_path / "checkpoint.npz"
    file.write_text(SENTENCES, encoding="utf-8")
    command = [f"--text={file}", f"--checkpoint={path}", "--steps=80", "--hidden=8", "--batch=4", "--segment=10"]
    command += ["--rate=0.02", "--sample=40"]
    advance = characters.advance

    def interrupted(training, text, settings):
        if training.adam.step == 44:
            signal.raise_signal(signal.SIGINT)
        return advance(training, text, settings)

    with monkeypatch.context() as patch:
        patch.setattr(characters, "advance", interrupted)
        assert characters.main(command) == 130
    assert "stopped after step 45 of 80" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        characters.main(command)
    assert "holds a run interrupted at step 45 of 80" in capsys.readouterr().err
    assert characters.main([*command, "--resume"]) == 0
    printed = capsys.readouterr().out
    assert "bigram model" in printed
    assert len(printed.split("temperature 0.7:\n\n")[1]) == 40 + 1
    assert bits(Training.load(path, text, SMALL)) == bits(uninterrupted)


def test_other_settings_and_other_texts_are_refused(text, tmp_path):
    path = tmp_path / "checkpoint.npz"
    Training.start(text, SMALL).save(path, text, SMALL)
    with pytest.raises(ValueError, match="trained with --hidden 8, not with 9"):
        Training.load(path, text, replace(SMALL, hidden=9))
    with pytest.raises(ValueError, match="another text"):
        Training.load(path, Text.split(SENTENCES[:-1]), SMALL)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"too short", "the text is too short"), (b"\xff" * 9000, "can't decode byte"), (None, "No such file")],
)
def test_a_text_that_cannot_be_used_is_refused_in_one_line(tmp_path, capsys, content, message):
    file = tmp_path / "text.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit, match="2"):
        characters.main([f"--text={file}", f"--checkpoint={tmp_path / 'c.npz'}"])
    assert message in capsys.readouterr().err


def test_a_low_temperature_samples_the_likeliest(text, uninterrupted):
    cold = {characters.sample(uninterrupted.params, text.alphabet, 30, 0.001, seed) for seed in range(3)}
    warm = {characters.sample(uninterrupted.params, text.alphabet, 30, 1.0, seed) for seed in range(3)}
    assert len(cold) == 1
    assert len(warm) == 3
