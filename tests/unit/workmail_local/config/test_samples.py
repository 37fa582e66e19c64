import json
import re
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest

from mailhooks.contract import MailFlowEvent
from mailhooks.settings import Settings
from workmail_local.aws.content_rules import find_defects
from workmail_local.config.functions import ROOT, mail_function, read_settings
from workmail_local.config.samples import Sample, load_samples
from workmail_local.errors import InvalidSample, InvalidSettings

SAMPLES = load_samples()
each = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)


@each
def test_a_sample_has_a_valid_event_and_content_that_workmail_accepts(sample: Sample) -> None:
    event = MailFlowEvent.parse(sample.event)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event.message_id)
    assert re.fullmatch(r"[0-9a-f]{32}", event.invocation_id)
    assert b"\n" not in sample.raw.replace(b"\r\n", b"")
    assert find_defects(sample.raw, sample.raw) == []


@each
def test_a_sample_has_example_addresses_only(sample: Sample) -> None:
    text = json.dumps(sample.event) + sample.raw.decode("ascii")
    domains = set(re.findall(r"@([\w.-]+\w)", text))
    assert all(re.search(r"(^|\.)example\.(com|net|org)$", domain) for domain in domains)
    if sample.event["flowDirection"] == "INBOUND":
        assert {address["address"].partition("@")[2] for address in sample.event["envelope"]["recipients"]} == {"example.com"}


@each
def test_a_samples_subject_is_that_of_its_message_cut_at_256_characters(sample: Sample) -> None:
    value = str(BytesHeaderParser().parsebytes(sample.raw)["subject"])
    assert sample.event["subject"] == str(make_header(decode_header("".join(value.splitlines()))))[:256]


def test_samples_share_no_ids_and_each_function_has_some() -> None:
    events = [MailFlowEvent.parse(sample.event) for sample in SAMPLES]
    assert len({event.message_id for event in events}) == len({event.invocation_id for event in events}) == len(SAMPLES)
    assert {sample.function for sample in SAMPLES} >= {"rewrite", "bounce", "observe"}


def test_the_functions_can_read_the_sample_settings() -> None:
    settings = read_settings(ROOT / "events" / "env.json")
    for name in ("rewrite", "bounce", "observe"):
        variables = mail_function(name, settings).environment
        assert Settings.from_env(variables).removed == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"F": []}', '{"F": {"A": 1}}', '{"F": {}, "F": {}}', '{"F": {"A": "", "A": ""}}', "[" * 10**5]
)
def test_invalid_settings_are_rejected(text: str, tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text(text)
    with pytest.raises(InvalidSettings, match=r"env\.json"):
        read_settings(tmp_path / "env.json")


def test_an_invalid_sample_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text("{}")
    (tmp_path / "rewrite-x.json").write_text("{")
    with pytest.raises(InvalidSample, match="rewrite-x"):
        load_samples(tmp_path)
    (tmp_path / "rewrite-x.json").write_text("{}")
    with pytest.raises(InvalidSample, match="rewrite-x"):
        load_samples(tmp_path)
    with pytest.raises(InvalidSample, match="no sample 'y'"):
        load_samples(tmp_path, ["y"])
    (tmp_path / "nothing-x.json").write_text("{}")
    with pytest.raises(InvalidSample, match="the name of a function"):
        load_samples(tmp_path, ["nothing-x"])
