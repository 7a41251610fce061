//! Reports for programs follow `docs/report.schema.json`.

use std::fs;

use serde_json::Value;

use crate::place::Place;

/// The errors of `value`, by the words of JSON Schema that our schema uses.
fn check(value: &Value, schema: &Value, at: &str) {
    let is_right = match schema["type"].as_str().expect("each has a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("{at}: what is {other}?"),
    };
    assert!(is_right, "{at}: {value} is no {}", schema["type"]);
    for item in value.as_array().into_iter().flatten() {
        check(item, &schema["items"], &format!("{at}[]"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("is a name");
        assert!(value.get(name).is_some(), "{at}: {name} is missing");
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let known = schema["properties"].get(name);
        check(
            member,
            known.unwrap_or_else(|| panic!("{at}: what is {name}?")),
            &format!("{at}.{name}"),
        );
    }
}

#[test]
fn reports_are_what_the_schema_says() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/report.schema.json");
    let schema = fs::read_to_string(schema).expect("is in the repository");
    let schema: Value = serde_json::from_str(&schema).expect("is JSON");
    let place = Place::with_source();
    let store = place.path("source").display().to_string();
    place.file("list", format!("{store}/a\n{store}/b\n"));
    place.file("tar", [0; 1024]);
    for line in [
        "IMG source",
        "--verify IMG source",
        "--verity IMG source",
        "--verity=TREE --verity-no-superblock --verity-salt=- IMG source",
        "--tar=i IMG tar",
        "-zlz4 -Eall-fragments IMG source",
        "--store-paths list IMG",
    ] {
        let run = place.run(&format!("--json {line}"));
        run.succeeded();
        assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
        let report: Value = serde_json::from_str(&run.stdout).expect("is JSON");
        check(&report, &schema, "");
        assert_eq!(report.get("verity").is_some(), line.contains("--verity"));
        assert_eq!(report.get("entries").is_some(), line.contains("store-paths"));
    }
}
