//! Saved images: they go on where they were, they are in order, and no kill at any moment damages one.

use std::process::Stdio;
use std::time::Duration;

use crate::place::{Place, USUAL};

/// Check that the image is in order.
fn assert_in_order(place: &Place) {
    let outcome = place.run(&["image", "check", "c.image"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("in order"), "{outcome:?}");
}

#[test]
fn a_saved_image_goes_on_where_it_was() {
    let Some(place) = Place::with_image() else { return };
    // The process that saves ends with 4, the saved image, which goes on in the same method, with 41.
    let script = "| number |
        number := 40.
        Smalltalk snapshotPrimitive == true
            ifTrue: [ Smalltalk quitPrimitive: number + 1 ]
            ifFalse: [ Smalltalk quitPrimitive: 4 ]";
    assert_eq!(place.run_script(script, USUAL).code, Some(4));
    assert_in_order(&place);
    assert_eq!(place.run(&["c.image"]).code, Some(41));
    assert_eq!(place.run(&["c.image"]).code, Some(41), "as often as one likes");
}

#[test]
fn changes_pile_up_over_several_saves() {
    let Some(place) = Place::with_image() else { return };
    let save = "Smalltalk at: #RowelSaves put: (Smalltalk at: #RowelSaves ifAbsent: [ 0 ]) + 1.
        Smalltalk saveAndQuit";
    for _ in 0..3 {
        let outcome = place.run_script(save, USUAL);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_in_order(&place);
    }
    let outcome = place.run_script("Smalltalk quitPrimitive: (Smalltalk at: #RowelSaves)", USUAL);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
}

#[test]
fn an_image_is_saved_under_another_name_or_not_at_all() {
    let Some(place) = Place::with_image() else { return };
    let before = std::fs::read(place.path("c.image")).expect("the image");
    let script = "| saved |
        Smalltalk primImageName: 'NAME'.
        saved := Smalltalk snapshotPrimitive.
        saved == true ifTrue: [ Smalltalk quitPrimitive: 8 ].
        saved == false ifTrue: [ Smalltalk quitPrimitive: 7 ].
        Smalltalk quitPrimitive: 6";
    let outcome = place.run_script(&script.replace("NAME", "other.image"), USUAL);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(7), ""), "{outcome:?}");
    assert_eq!(place.run(&["other.image"]).code, Some(8));
    let outcome = place.run_script(&script.replace("NAME", "nowhere/other.image"), USUAL);
    assert_eq!(outcome.code, Some(6), "the image is told and goes on: {outcome:?}");
    assert!(outcome.stderr.contains("was not saved"), "{outcome:?}");
    assert!(std::fs::read(place.path("c.image")).expect("the image") == before);
}

/// `ROWEL_KILLS` is how often, 10 if not set.
#[test]
fn kills_at_any_moment_leave_a_good_image() {
    let Some(place) = Place::with_image() else { return };
    let kills = std::env::var("ROWEL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    // Goes on saving for ever, also after it was started again, until a file `stop` is there.
    let script = "| saves |
        saves := 0.
        [ (DirectoryEntry currentDirectory // 'stop') exists ] whileFalse: [
            saves := saves + 1.
            Smalltalk at: #RowelSaves put: (Array new: saves * 100 withAll: saves printString).
            Smalltalk snapshotPrimitive ].
        Smalltalk quitPrimitive: (saves min: 200)";
    place.write("script.st", script);
    let mut words = vec!["c.image", "-e", "-s", "script.st"];
    let mut random = u64::from(std::process::id());
    for kill in 0..kills {
        let mut running = place.start(&words, Stdio::null());
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(300 + (random >> 33) % 2000));
        let ended = running.child.try_wait().expect("a child");
        assert!(ended.is_none(), "kill {kill}: {ended:?} {}", running.complained());
        running.child.kill().expect("a process");
        drop(running);
        assert_in_order(&place);
        if kill == 0 {
            // The first start may not have come as far as saving; the others go on from a save.
            let mut saving = place.start(&words, Stdio::null());
            let before = std::fs::metadata(place.path("c.image")).expect("it").modified().ok();
            saving.wait_until(|_| {
                let now = std::fs::metadata(place.path("c.image"));
                now.is_ok_and(|now| now.modified().ok() != before)
            });
            saving.child.kill().expect("a process");
            assert_in_order(&place);
            words.truncate(1);
        }
    }
    place.write("stop", "");
    let outcome = place.run(&words);
    assert!(outcome.code.is_some_and(|saves| saves >= 1), "{outcome:?}");
}
