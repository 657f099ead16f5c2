//! The time that is set aside for changing roles back.

use super::{SMALL, load_with};

#[test]
fn a_window_is_needed_where_roles_wait_for_it() {
    let of = |recovery: &str| match load_with(&format!("{SMALL}recovery: {recovery}\n"), &[]) {
        Ok(config) => format!(
            "{:?} {:?}",
            config.recovery.roles,
            config.recovery.window.map(|w| w.as_str().to_string())
        ),
        Err(findings) => findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let told = [
        of("{ roles: windwo }"),
        of("{ roles: window }"),
        of("{ roles: window, windows: '0 2 * * sun' }"),
        of("{ roles: window, window: '0 2 * *', windowMinutes: 5 }"),
        of("{ roles: window, window: '0 2 * * sund' }"),
        of("{ roles: window, window: ' 0  2 * * sun', windowMinutes: 60 }"),
        of("{ window: '0 2 * * sun' }"),
        of("{}"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    cluster.yaml:4:20: recovery.roles: "windwo" is not known; choose one of manual, window, idle; did you mean window?
    cluster.yaml:4:20: recovery.roles: no time is set aside: there is no recovery.window; add recovery.window, such as "0 2 * * sun": when that time begins, in UTC
    cluster.yaml:4:28: recovery.windows: is no key of this file; did you mean recovery.window?
    cluster.yaml:4:36: recovery.window: "0 2 * *" is not five fields; write minute, hour, day of the month, month and day of the week as cron does, such as "0 2 * * sun"
    cluster.yaml:4:62: recovery.windowMinutes: must be at least 10, is 5; give a whole number from 10 to 1440
    cluster.yaml:4:36: recovery.window: day of the week: "sund" is not known; did you mean sun?; write minute, hour, day of the month, month and day of the week as cron does, such as "0 2 * * sun"
    Window Some("0 2 * * sun")
    Manual Some("0 2 * * sun")
    Manual None
    "#);
}
