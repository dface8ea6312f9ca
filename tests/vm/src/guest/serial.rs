//! The cases of a bench on a serial port of the kernel's, whichever driver it has.

use core::cell::RefCell;
use core::time::Duration;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::thread::sleep;
use std::time::Instant;

use crate::Case;
use crate::outside::{Tester, nothing_twice};
use crate::program::{PATIENCE, Running, disc_hal, wait_for};
use crate::promises;
use crate::relay::Relay;

/// A kind of serial port.
pub(crate) struct Link {
    /// Its name in file names, and for people.
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    /// The kernel's name for it.
    pub(crate) port: &'static str,
    /// What the list of benches says of its adapter.
    pub(crate) usb: &'static str,
    /// The checks to make on it, where all of them take too long.
    pub(crate) only: &'static [&'static str],
    pub(crate) plug: fn(),
    pub(crate) unplug: fn(),
    /// Carries the bytes of the tester's side, where that is in the machine.
    pub(crate) _relay: Option<Relay>,
}

/// What the runner has had the direct simulator say, outside.
pub(crate) const EXPECTED: &str = "/expected";

struct Scene {
    link: Link,
    tester: Tester,
}

impl Scene {
    fn selector(&self) -> String {
        format!("serial:{}", self.link.port)
    }

    fn ready(&self) {
        wait_for(self.link.port, || Path::new(self.link.port).exists());
    }
}

pub(crate) fn cases(link: Link) -> Vec<Case> {
    let scene = Rc::new(RefCell::new(Scene { link, tester: Tester::new() }));
    let case = |name, run: fn(&mut Scene)| -> Case {
        let scene = Rc::clone(&scene);
        (name, Box::new(move || run(&mut scene.borrow_mut())))
    };
    vec![
        case("is-listed-with-its-adapter-and-who-answers", named),
        case("records-and-reads-back-what-the-simulator-does", record),
        case("unplugged-in-a-recording", unplugged),
        case("keeps-the-promises-that-the-simulator-keeps", conformance),
    ]
}

fn named(scene: &mut Scene) {
    scene.tester.on_line();
    scene.ready();
    // A machine that stands still lets the time for an answer pass.
    let start = Instant::now();
    loop {
        let list = disc_hal(&["benches", "--probe"]);
        list.expect(0, &[]);
        let line = list.out.lines().find(|line| line.contains(&scene.selector()));
        let line = line.unwrap_or_else(|| panic!("not in the list: {}", list.out));
        assert!(line.contains(scene.link.usb), "no `{}` in: {line}", scene.link.usb);
        if line.contains("simulated bench (serial SIM-0000000000000001") {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "nobody answers: {line}");
    }
}

fn conformance(scene: &mut Scene) {
    scene.tester.on_line();
    scene.ready();
    promises::kept(scene.link.key, scene.link.name, &scene.selector(), scene.link.only);
}

fn record(scene: &mut Scene) {
    scene.tester.on_line();
    scene.ready();
    records_and_reads(&scene.selector());
    nothing_twice(scene.tester.fired());
}

/// A recording gives the numbers that it gives on the simulator directly, and the file
/// comes back.
pub(crate) fn records_and_reads(selector: &str) {
    let file = format!("{EXPECTED}/file");
    let recorded = disc_hal(&["record", &file, "--layer", "1", "--min-blocks", "1", "--bench", selector]);
    // One limit has no value with so little.
    recorded.expect(1, &[]);
    let direct = fs::read_to_string(format!("{EXPECTED}/record")).expect("what the simulator says");
    assert_eq!(recorded.out, direct, "the results differ");
    disc_hal(&["read", "--layer", "1", "-o", "/tmp/copy", "--bench", selector]).expect(0, &[]);
    assert!(fs::read("/tmp/copy").expect("the copy") == fs::read(&file).expect("the file"), "the copy differs");
}

fn unplugged(scene: &mut Scene) {
    // By the host's clock: a round trip takes too long here for a recording by the wall's.
    scene.tester.on_line();
    scene.ready();
    fs::write("/tmp/big", vec![0x5a; 4_000_000]).expect("a file to record");
    let mut recording = Running::start(&["record", "/tmp/big", "-vv", "--bench", &scene.selector()]);
    recording.until_said("writing ...");
    sleep(Duration::from_millis(300));
    let start = Instant::now();
    (scene.link.unplug)();
    let ended = recording.end();
    ended.expect(
        4,
        &["link lost", "the device is gone (", scene.link.port, "switches the lasers off by itself", "next:"],
    );
    println!("   ended {:.1} s after the cable was pulled: {}", start.elapsed().as_secs_f64(), first_line(&ended.err));
    (scene.link.plug)();
    scene.ready();
    // What was written stays; the next recording takes a place after it.
    let file = format!("{EXPECTED}/file");
    let again = ["record", &file, "--min-blocks", "1", "--bench", &scene.selector()];
    // Nobody has told the bench of the cable: it waits for the hold lease of its old host.
    let start = Instant::now();
    let again = loop {
        let tried = disc_hal(&again);
        if tried.code != Some(3) || start.elapsed() > PATIENCE {
            break tried;
        }
        tried.expect(3, &["held by `disc-hal process "]);
    };
    again.expect(1, &[]);
    let address =
        again.out.split_whitespace().find(|word| word.len() == 7 && word.ends_with('h')).expect("the address");
    disc_hal(&["read", "--address", address, "-o", "/tmp/copy", "--bench", &scene.selector()]).expect(0, &[]);
    assert!(fs::read("/tmp/copy").expect("the copy") == fs::read(&file).expect("the file"), "the copy differs");
    nothing_twice(scene.tester.fired());
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| line.starts_with("error")).unwrap_or_default()
}
