use super::*;

fn record() -> Record {
    Record {
        format: FORMAT,
        serial: 4711,
        cluster: "warehouse".into(),
        system_id: "7312345678901234567".into(),
        timeline: 3,
        holder: Some(Holder {
            pod: "coordinator-0".into(),
            uid: "aaaa".into(),
        }),
        epoch: 5,
        in_sync: Some(InSync {
            pod: "coordinator-1".into(),
            uid: "bbbb".into(),
            stream: "40312/1764390000123456".into(),
        }),
        released: None,
        mode: Mode::Auto,
        switchover: None,
        lease_seconds: 10,
    }
}

/// What version 0.2.0 wrote: every later one has to read it.
const HELD: &str = r#"{"format":1,"serial":4711,"cluster":"warehouse","systemId":"7312345678901234567","timeline":3,"holder":{"pod":"coordinator-0","uid":"aaaa"},"epoch":5,"inSync":{"pod":"coordinator-1","uid":"bbbb","stream":"40312/1764390000123456"},"released":null,"mode":"auto","switchover":null,"leaseSeconds":10}"#;
const RELEASED: &str = r#"{"format":1,"serial":4712,"cluster":"warehouse","systemId":"7312345678901234567","timeline":3,"holder":null,"epoch":5,"inSync":null,"released":{"by":{"pod":"coordinator-0","uid":"aaaa"},"lsn":"0/3000060","timeline":3,"why":"switchover"},"mode":"paused","switchover":{"to":"coordinator-1","by":"gpadmin","whenIdle":true},"leaseSeconds":10}"#;

fn released() -> Record {
    Record {
        serial: 4712,
        holder: None,
        in_sync: None,
        released: Some(Released {
            by: record().holder.unwrap(),
            lsn: Lsn(0x300_0060),
            timeline: 3,
            why: ReleaseWhy::Switchover,
        }),
        mode: Mode::Paused,
        switchover: Some(Switchover {
            to: "coordinator-1".into(),
            by: "gpadmin".into(),
            when_idle: true,
        }),
        ..record()
    }
}

#[test]
fn the_samples_are_read_and_written_as_they_are() {
    for (sample, record) in [(HELD, record()), (RELEASED, released())] {
        assert_eq!(record.to_json().unwrap(), sample);
        assert_eq!(Record::parse(sample), Seen::Record(record));
    }
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let newer = HELD.replace("\"serial\"", "\"colour\":\"blue\",\"serial\"");
    assert_eq!(Record::parse(&newer), Seen::Record(record()));
}

fn garbled(json: &str) -> String {
    match Record::parse(json) {
        Seen::Garbled(why) => why,
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn a_newer_format_is_not_understood() {
    let why = garbled(&HELD.replace("\"format\":1", "\"format\":2"));
    assert_eq!(why, "its format is 2, and this version knows 1");
}

#[test]
fn what_is_no_record_is_garbled() {
    garbled("");
    garbled("{}");
    garbled(&HELD[..HELD.len() - 1]);
    garbled(&HELD.replace("\"epoch\":5", "\"epoch\":\"five\""));
    garbled(&HELD.replace("\"mode\":\"auto\"", "\"mode\":\"now and then\""));
    garbled(&RELEASED.replace("0/3000060", "here"));
}

#[test]
fn it_is_either_held_or_released() {
    let both = Record {
        holder: record().holder,
        ..released()
    };
    let neither = Record {
        released: None,
        ..released()
    };
    for wrong in [both, neither] {
        garbled(&wrong.to_json().unwrap());
    }
}

#[test]
fn nobody_succeeds_a_holder_while_takeovers_are_paused() {
    assert!(record().successor().is_some());
    let paused = Record {
        mode: Mode::Paused,
        ..record()
    };
    assert_eq!(paused.successor(), None);
}
