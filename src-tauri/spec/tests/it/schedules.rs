//! What a `schedule` means.

#[test]
fn a_schedule_is_read_with_its_zone() {
    use spec::{Schedule, Times};
    use std::time::Duration;
    let read = |schedule: &str| {
        let lines = format!("run = \"a\"\nkind = \"oneshot\"\nschedule = {schedule}");
        super::service(&lines).schedule.unwrap()
    };
    let plain = |times| Schedule {
        times,
        timezone: None,
        run_on_start: false,
    };
    let nightly = Times::Cron("0 2 * * *".into());
    assert_eq!(read("\" 0  2 * * * \""), plain(nightly.clone()));
    assert_eq!(
        read("{ cron = \"0 2 * * *\", timezone = \"Europe/Berlin\", run_on_start = true }"),
        Schedule {
            timezone: Some("Europe/Berlin".into()),
            run_on_start: true,
            ..plain(nightly)
        }
    );
    let every = Times::Every(Duration::from_secs(900));
    assert_eq!(read("{ every = \"15m\" }"), plain(every));
    assert_eq!(
        read("{ every = \"15m\", run_on_start = true }").to_string(),
        "every 15m, and when it is brought up"
    );
    assert_eq!(
        super::service("run = \"a\"\nkind = \"oneshot\"").schedule,
        None
    );
}
