use super::*;
use proptest::prelude::*;

const NOW: Moment = Moment(5_000_000);

/// All records of a text that has settled.
fn records(text: &str) -> Vec<Record> {
    let mut rest = text.as_bytes();
    let mut all = Vec::new();
    while let Some(taken) = take(rest, NOW, true) {
        assert!(taken.bytes > 0);
        all.extend(taken.record);
        rest = &rest[taken.bytes..];
    }
    assert!(rest.is_empty());
    all
}

fn shown(records: &[Record]) -> String {
    let line = |r: &Record| {
        format!(
            "{} {:?} {:?} {}",
            r.time,
            r.level,
            r.message,
            Value::Object(r.fields.clone())
        )
    };
    records.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_session_of_a_server() {
    let text = "\
1709251199.123 [17] 00000 LOG:  checkpoint starting: time
1709251199.200 [42] 42P01 gpadmin@post gres ERROR:  relation \"x\" does not exist at character 15
1709251199.200 [42] 42P01 gpadmin@post gres STATEMENT:  select *
\t  from x
\t where LOG:  y
1709251199.300 [43] 57P03 FATAL:  the database system is starting up
1709251199.400 [44] 00000 u@d WARNING:  here
1709251199.400 [44] 00000 u@d DETAIL:  more
1709251199.400 [44] 00000 u@d HINT:  do
1709251199.400 [44] 00000 u@d CONTEXT:  while
\tdoing
1709251199.500 [44] XX000 PANIC:  could not write
1709251199.600 [1] 00000 DEBUG:  postmaster
";
    insta::assert_snapshot!(shown(&records(text)), @r#"
        2024-02-29T23:59:59.123000Z Info "checkpoint starting: time" {"pid":17,"severity":"LOG","source":"postgres"}
        2024-02-29T23:59:59.200000Z Error "relation \"x\" does not exist at character 15" {"database":"post gres","pid":42,"severity":"ERROR","source":"postgres","sqlstate":"42P01","statement":"select *\n  from x\n where LOG:  y","user":"gpadmin"}
        2024-02-29T23:59:59.300000Z Fatal "the database system is starting up" {"pid":43,"severity":"FATAL","source":"postgres","sqlstate":"57P03"}
        2024-02-29T23:59:59.400000Z Warn "here" {"context":"while\ndoing","database":"d","detail":"more","hint":"do","pid":44,"severity":"WARNING","source":"postgres","user":"u"}
        2024-02-29T23:59:59.500000Z Fatal "could not write" {"pid":44,"severity":"PANIC","source":"postgres","sqlstate":"XX000"}
        2024-02-29T23:59:59.600000Z Debug "postmaster" {"pid":1,"severity":"DEBUG","source":"postgres"}
        "#);
}

#[test]
fn other_prefixes_and_other_programs() {
    let text = "\
2026-11-25 14:19:53.605 GMT [19541] LOG:  skipping missing configuration file
LOG:  bare
Accepted publickey for gpadmin from 10.0.0.1 port 5 ssh2

2026-11-25 14:20:17.628081 GMT,,,p21144,th814987072,,,,0,,,seg-10000,,,,,\"FATAL\",\"22023\",\"no such parameter\",,,
cp: cannot stat 'LOG: x': No such file or directory
";
    insta::assert_snapshot!(shown(&records(text)), @r#"
        1970-01-01T00:00:05.000000Z Info "skipping missing configuration file" {"prefix":"2026-11-25 14:19:53.605 GMT [19541]","severity":"LOG","source":"postgres"}
        1970-01-01T00:00:05.000000Z Info "bare" {"severity":"LOG","source":"postgres"}
        1970-01-01T00:00:05.000000Z Info "Accepted publickey for gpadmin from 10.0.0.1 port 5 ssh2" {"source":"output"}
        1970-01-01T00:00:05.000000Z Fatal "2026-11-25 14:20:17.628081 GMT,,,p21144,th814987072,,,,0,,,seg-10000,,,,,\"FATAL\",\"22023\",\"no such parameter\",,," {"severity":"FATAL","source":"postgres"}
        1970-01-01T00:00:05.000000Z Info "cp: cannot stat 'LOG: x': No such file or directory" {"source":"output"}
        "#);
}

#[test]
fn a_message_that_may_go_on_is_waited_for() {
    let first = "1.000 [7] 00000 LOG:  first\n";
    assert_eq!(take(first.as_bytes(), NOW, false), None, "a DETAIL may follow");
    let with_half = format!("{first}1.000 [7] 00000 DETAIL:  mo");
    assert_eq!(take(with_half.as_bytes(), NOW, false), None);
    let with_more = format!("{with_half}re\n1.000 [8] 00000 LOG:  second\n");
    let taken = take(with_more.as_bytes(), NOW, false).unwrap();
    assert_eq!(taken.record.unwrap().fields["detail"], "more");
    let rest = &with_more.as_bytes()[taken.bytes..];
    assert_eq!(take(rest, NOW, false), None);
    assert_eq!(take(rest, NOW, true).unwrap().record.unwrap().message, "second");
    assert_eq!(take(b"half a li", NOW, false), None);
    assert_eq!(take(b"half a li", NOW, true).unwrap().bytes, 9);
    assert_eq!(take(b"", NOW, true), None);
}

#[test]
fn parts_of_another_process_are_not_joined() {
    let text = "1.000 [7] 00000 LOG:  first\n1.000 [8] 00000 DETAIL:  of another\n";
    let all = records(text);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].message, "of another");
    assert_eq!(all[1].fields["severity"], "DETAIL");
    let twice = "1.0 [7] 00000 LOG:  a\n1.0 [7] 00000 DETAIL:  b\n1.0 [7] 00000 DETAIL:  c\n";
    assert_eq!(records(twice).len(), 2);
}

fn messages() -> impl Strategy<Value = Vec<(u8, String, Option<String>)>> {
    let text = "[ -~\u{e4}]{0,20}(\n[ -~]{0,20}){0,2}";
    let message = (1u8..5, text, proptest::option::of(text));
    proptest::collection::vec(message, 0..12)
}

/// As elog.c writes them.
fn written(messages: &[(u8, String, Option<String>)]) -> String {
    let tabbed = |text: &str| text.replace('\n', "\n\t");
    let mut all = String::new();
    for (pid, message, statement) in messages {
        let prefix = format!("1709251199.123 [{pid}] 00000 u@d ");
        all.push_str(&format!("{prefix}ERROR:  {}\n", tabbed(message)));
        if let Some(statement) = statement {
            all.push_str(&format!("{prefix}STATEMENT:  {}\n", tabbed(statement)));
        }
    }
    all
}

proptest! {
    #[test]
    fn every_message_comes_out_as_it_went_in_however_it_is_cut(
        messages in messages(), cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..4)
    ) {
        let text = written(&messages);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        ends.push(text.len());
        ends.sort_unstable();
        let (mut at, mut all) = (0, Vec::new());
        for end in ends {
            let last = end == text.len();
            while let Some(taken) = take(&text.as_bytes()[at..end], NOW, last) {
                all.extend(taken.record);
                at += taken.bytes;
                if at == end { break }
            }
        }
        prop_assert_eq!(at, text.len());
        let found: Vec<_> = all.iter().map(|r| {
            let statement = r.fields.get("statement").and_then(Value::as_str).map(str::to_string);
            (u8::try_from(r.fields["pid"].as_u64().unwrap()).unwrap(), r.message.clone(), statement)
        }).collect();
        prop_assert_eq!(found, messages);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200), settled in any::<bool>()) {
        if let Some(taken) = take(&bytes, NOW, settled) {
            prop_assert!(taken.bytes > 0 && taken.bytes <= bytes.len());
        }
    }
}

/// Found by the fuzz target `postgres_log`: the fraction of a second had 29 digits.
#[test]
fn a_time_that_no_server_writes_is_no_time() {
    for seconds in ["1709251199.00007738795006654191327", "18446744073709551615.000"] {
        let all = records(&format!("{seconds} [43] 42P01 gpadmin@postgres LOG:  x\n"));
        assert_eq!((all.len(), all[0].time), (1, NOW), "{seconds}");
    }
}
