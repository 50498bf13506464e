"""The forms that programs read: JSON, SARIF, GitHub annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import report_examples

import sgd_doctor.report
from sgd_doctor.errors import UsageError
from sgd_doctor.findings import Fix, Location
from sgd_doctor.render import github, sarif
from sgd_doctor.render import json as json_face
from sgd_doctor.report import Report, json_schema
from tests.node_packages import package_file

SCHEMA_FILE = Path(sgd_doctor.report.__file__).with_name("report.schema.json")
ROOT = Path("/repo")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_report_that_is_nested_without_end_is_one_line(opening: str) -> None:
    with pytest.raises(UsageError, match=r"^deep\.json is not a report") as caught:
        Report.from_json('{"unknown":' + 100_000 * opening, name="deep.json")
    assert "\n" not in str(caught.value)


def test_the_shipped_schema_is_the_schema_of_the_report() -> None:
    assert json.loads(SCHEMA_FILE.read_text()) == json.loads(json.dumps(json_schema())), (
        "write it again: python -c 'import json; from sgd_doctor.report import json_schema; "
        "print(json.dumps(json_schema(), indent=2))' > sgd_doctor/report.schema.json"
    )


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
def test_json_follows_the_schema_and_reads_back(name: str) -> None:
    text = json_face.text(report_examples.ALL[name]())
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(text, parse_constant=pytest.fail))
    assert json_face.text(Report.from_json(text)) == text


# --- SARIF: the objects and required properties of the 2.1.0 specification that we use

SARIF: dict[str, Any] = {
    "log": ({"version", "runs"}, {"$schema", "version", "runs"}),
    "run": ({"tool"}, {"tool", "invocations", "columnKind", "results", "properties"}),
    "driver": ({"name"}, {"name", "version", "rules"}),
    "invocation": ({"executionSuccessful"}, {"executionSuccessful", "commandLine"}),
    "rule": (
        {"id"},
        {"id", "name", "shortDescription", "help", "defaultConfiguration", "properties"},
    ),
    "result": (
        {"message"},
        {
            "ruleId",
            "ruleIndex",
            "level",
            "message",
            "locations",
            "partialFingerprints",
            "fixes",
            "properties",
        },
    ),
    "physicalLocation": (set(), {"artifactLocation", "region"}),
    "artifactLocation": (set(), {"uri", "uriBaseId"}),
    "region": (set(), {"startLine", "endLine", "snippet"}),
    "fix": ({"artifactChanges"}, {"description", "artifactChanges"}),
    "artifactChange": ({"artifactLocation", "replacements"}, {"artifactLocation", "replacements"}),
    "replacement": ({"deletedRegion"}, {"deletedRegion", "insertedContent"}),
}


def conforms(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    required, allowed = SARIF[kind]
    assert required <= set(node) <= allowed, kind
    return node


def parsed(report: Report) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(sarif.text(report, ROOT))
    return log


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
def test_sarif_has_the_required_structure(name: str) -> None:
    log = conforms("log", parsed(report_examples.ALL[name]()))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    conforms("run", run)
    rules = conforms("driver", run["tool"]["driver"])["rules"]
    assert len({conforms("rule", rule)["id"] for rule in rules}) == len(rules)
    conforms("invocation", run["invocations"][0])
    prints = []
    for result in run["results"]:
        conforms("result", result)
        assert result["level"] in ("error", "warning", "note")
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        prints.append(json.dumps(result["partialFingerprints"]))
        for location in result.get("locations", []):
            physical = conforms("physicalLocation", location["physicalLocation"])
            conforms("artifactLocation", physical["artifactLocation"])
            region = conforms("region", physical["region"])
            assert 1 <= region["startLine"] <= region["endLine"]
        for fix in result.get("fixes", []):
            for change in conforms("fix", fix)["artifactChanges"]:
                for replacement in conforms("artifactChange", change)["replacements"]:
                    conforms("replacement", replacement)
                    conforms("region", replacement["deletedRegion"])
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
def test_sarif_is_valid_by_the_published_schema(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    schema = json.loads(
        package_file("@microsoft/jest-sarif", "lib/schemas/sarif-2.1.0-rtm.5.json", tmp_path_factory.getbasetemp())
    )
    jsonschema.Draft4Validator.check_schema(schema)
    jsonschema.Draft4Validator(schema).validate(parsed(report_examples.ALL[name]()))
    broken = parsed(report_examples.unhealthy())
    broken["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate(broken)


def first_result(report: Report) -> dict[str, Any]:
    result: dict[str, Any] = parsed(report)["runs"][0]["results"][0]
    return result


def moved(report: Report, place: Location | None) -> Report:
    finding = msgspec.structs.replace(report.findings[0], location=place)
    return msgspec.structs.replace(report, findings=(finding, *report.findings[1:]))


def test_sarif_paths_are_relative_to_the_checkout_and_escaped() -> None:
    place = Location("/repo/my code/train#1.py", 3, 4, "x")
    location = first_result(moved(report_examples.unhealthy(), place))["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "my%20code/train%231.py", "uriBaseId": "%SRCROOT%"}
    outside = first_result(moved(report_examples.unhealthy(), Location("/other/a.py", 1, 1, "x")))
    assert outside["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///other/a.py"}


def test_a_sarif_alert_survives_an_edit_above_its_line() -> None:
    report = report_examples.unhealthy()
    place = report.findings[0].location
    assert place is not None
    later = moved(report, msgspec.structs.replace(place, line=place.line + 9, end_line=place.line + 9))
    other = moved(report, msgspec.structs.replace(place, code="another line"))
    prints = [first_result(item)["partialFingerprints"] for item in (report, later, other)]
    assert prints[0] == prints[1] != prints[2]


def test_a_finding_without_a_place_points_at_the_script() -> None:
    result = first_result(moved(report_examples.unhealthy(), None))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "train.py"


def test_the_sarif_fix_makes_the_same_edit_as_the_diff() -> None:
    replacement = first_result(report_examples.unhealthy())["fixes"][0]["artifactChanges"][0]["replacements"][0]
    source = [f"line {number}" for number in range(1, 28)]
    source += ["", "model = Net()", "criterion = nn.CrossEntropyLoss()"]
    source += ["optimizer = torch.optim.SGD(model.parameters(), lr=0.8, momentum=0.9)"]
    source += ["", "for epoch in range(3):", "    for images, labels in loader:"]
    region = replacement["deletedRegion"]
    new = replacement["insertedContent"]["text"].split("\n")
    edited = source[: region["startLine"] - 1] + new + source[region["endLine"] :]
    assert [line for line in edited if line not in source] == [
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)"
    ]
    assert len(edited) == len(source)


@pytest.mark.parametrize(
    "fix",
    [
        Fix("text", report_examples.LR_DIFF, verified=False),
        Fix("text", report_examples.LR_DIFF.replace("train.py", "other.py"), verified=True),
        Fix("text", report_examples.LR_DIFF * 2, verified=True),
        Fix("text", "@@ -0,0 +1,1 @@\n+x\n", verified=True),
        Fix("text", "not a diff", verified=True),
    ],
)
def test_sarif_offers_only_an_edit_that_was_run_and_is_about_the_file(fix: Fix) -> None:
    report = report_examples.unhealthy()
    finding = msgspec.structs.replace(report.findings[0], fix=fix)
    assert "fixes" not in first_result(msgspec.structs.replace(report, findings=(finding,)))


# --- GitHub


def test_github_annotations_stand_at_the_line_with_the_level() -> None:
    lines = github.text(report_examples.unhealthy(), ROOT).splitlines()
    assert lines[0].startswith("sgd-doctor: unhealthy: This training does not learn")
    head = "::error file=train.py,line=31,title=lr-too-high (confirmed)::Learning rate 0.8"
    assert lines[1].startswith(head)
    assert "%0AFix: Use lr=0.02" in lines[1]
    assert lines[2].startswith("::warning file=data.py,line=12,endLine=14,title=")
    assert lines[3].startswith("::notice file=train.py,line=20,title=no-shuffle")
    assert len(lines) == 4


def test_github_properties_are_escaped() -> None:
    place = Location("/repo/a,b:c%.py", 1, 1, "x")
    line = github.text(moved(report_examples.unhealthy(), place), ROOT).splitlines()[1]
    assert line.startswith("::error file=a%2Cb%3Ac%25.py,line=1,title=")


def test_a_script_cannot_issue_commands_to_github() -> None:
    report = msgspec.structs.replace(report_examples.hostile(), summary="x\n::add-mask::y ##[add-mask]z")
    lines = github.text(report, ROOT).splitlines()
    assert len(lines) == 1 + len(report.findings)
    assert not lines[0].lstrip().startswith("::")
    assert "##[" not in lines[0]
    assert all(line.startswith("::error ") for line in lines[1:])


def test_a_healthy_run_leaves_one_plain_line_in_the_log() -> None:
    text = github.text(report_examples.healthy(), ROOT)
    assert text == "sgd-doctor: healthy: No errors and no warnings in 60 steps.\n"
