use super::*;
use crate::cluster::content::ContentId;
use crate::cluster::topology::Role;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

fn who() -> Identity {
    Identity {
        pod: "segment-a-0".into(),
        role: Some(Role::Primary),
        content: Some(ContentId::new(0)),
    }
}

fn record(message: &str, fields: Value) -> Record {
    let Value::Object(fields) = fields else {
        panic!("no object");
    };
    Record {
        time: Moment(1_709_251_199_000_123),
        level: LogLevel::Warn,
        message: message.into(),
        fields,
    }
}

#[test]
fn a_record_is_a_line_whose_keys_come_in_this_order() {
    let line = record("it \"works\"\nhere", json!({ "pid": 7, "detail": "x" })).lines(&who());
    insta::assert_snapshot!(line.trim_end(), @r#"{"time":"2024-02-29T23:59:59.000123Z","level":"warn","pod":"segment-a-0","role":"primary","content":0,"message":"it \"works\"\nhere","fields":{"detail":"x","pid":7}}"#);
    let nobody = record("m", json!({})).lines(&Identity::default());
    insta::assert_snapshot!(nobody.trim_end(), @r#"{"time":"2024-02-29T23:59:59.000123Z","level":"warn","pod":"","role":null,"content":null,"message":"m","fields":{}}"#);
}

#[test]
fn json_is_for_programs() {
    let choose = LogFormat::choose;
    for (word, kubernetes, terminal, format) in [
        (None, true, false, Some(LogFormat::Json)),
        (Some(""), true, false, Some(LogFormat::Json)),
        (Some("auto"), true, false, Some(LogFormat::Json)),
        (Some("auto"), true, true, Some(LogFormat::Text)),
        (None, false, false, Some(LogFormat::Text)),
        (Some("json"), false, true, Some(LogFormat::Json)),
        (Some("text"), true, false, Some(LogFormat::Text)),
        (Some("xml"), true, false, None),
    ] {
        assert_eq!(
            choose(word, kubernetes, terminal),
            format,
            "{word:?} {kubernetes} {terminal}"
        );
    }
}

/// Puts the parts of one record together again.
fn joined(lines: &str, name: &str) -> String {
    let mut whole = String::new();
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = match &value["fields"]["continues"] {
            Value::Null if name == "message" => &value["message"],
            Value::Null => &value["fields"][name],
            Value::String(continued) if continued == name => &value["message"],
            _ => continue,
        };
        whole.push_str(text.as_str().unwrap_or_default());
    }
    whole
}

#[test]
fn a_long_statement_is_continued_and_every_part_can_be_found() {
    let statement = "insert into t values (1), ".repeat(2000);
    let lines = record("duration", json!({ "pid": 7, "statement": statement })).lines(&who());
    assert!(lines.lines().count() > 3);
    for (at, line) in lines.lines().enumerate() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["fields"]["part"], at + 1);
        assert_eq!(value["fields"]["pid"], 7);
    }
    assert_eq!(joined(&lines, "statement"), statement);
    assert_eq!(joined(&lines, "message"), "duration");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_and_no_line_is_too_long(
        message in "\\PC{0,3000}", detail in "[\\x00-\\x1f\"\\\\a-z]{0,9000}", statement in "\\PC{0,9000}"
    ) {
        let fields = json!({ "detail": detail, "statement": statement });
        let lines = record(&message, fields).lines(&who());
        prop_assert!(lines.ends_with('\n'));
        prop_assert!(lines.lines().all(|line| line.len() < 16 * 1024));
        prop_assert_eq!(joined(&lines, "message"), message);
        prop_assert_eq!(joined(&lines, "detail"), detail);
        prop_assert_eq!(joined(&lines, "statement"), statement);
    }
}
