//! One suite over every driver: what an engine may count on, whatever an instance is made of.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod containers;
mod processes;
mod subject;
mod suite;

use containers::{Docker, Podman};
use processes::Processes;
use subject::Subject;

/// Each test of the suite over each driver.
macro_rules! contract {
    ($($name:ident)*) => {
        mod process { contract!(over super::Processes: $($name)*); }
        mod docker { contract!(over super::Docker: $($name)*); }
        mod podman { contract!(over super::Podman: $($name)*); }
    };
    (over $subject:ty: $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            use super::Subject;
            // Where there is no daemon, that has been said.
            if let Some(subject) = <$subject>::new().await {
                super::suite::$name(subject).await;
            }
        }
    )*};
}

contract! {
    an_exit_code_is_told
    a_death_from_outside_is_told
    a_stop_leaves_it_the_grace_to_end_by_itself
    what_does_not_hear_is_killed_after_the_grace
    what_is_stopped_and_started_again_goes_in_that_order
    what_cannot_be_run_is_a_failed_start
    the_environment_is_what_was_asked_for
    two_starts_of_one_instance_give_one
    it_survives_the_engine_and_is_adopted_as_the_same_start
    what_ended_while_nobody_looked_is_told_at_adoption
    a_start_that_died_with_its_engine_is_one_copy_or_none
    every_line_is_there_once_across_adoptions
    the_last_lines_are_there_when_the_end_is_told
    nothing_is_left_after_down
}
