//! A pod that waits for others.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use std::rc::Rc;

/// It may wait for ever, and only a person sees whether that is right.
#[test]
fn the_doctor_does_not_call_a_pod_without_a_server_well() {
    if !is_root() {
        return;
    }
    let place = Rc::new(Place::new(""));
    // There is no database, and before one is made the names of all pods have to be there.
    place.configure("");
    let mut pod = Pod::on(&place);
    pod.wait_for_status("it waits", |s| s["phase"] == "discovering");
    let (code, said) = pod.run(&["check", "postgres"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("postgres warning") && said.contains("no server serves here now: discovering: "),
        "{said}"
    );
    pod.end();
}
