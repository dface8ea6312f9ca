use disc_hal::conformance::*;
use disc_hal::hal::Microwatts;
use disc_hal::media::Medium;
use disc_hal_sim::SimRig;
#[test]
fn clean() {
    let medium = Medium::load("dual-layer").unwrap();
    let mut rig = SimRig::blank(medium.clone(), 1).unwrap();
    struct T(std::time::Instant);
    impl Observer for T {
        fn finished(&mut self, c: &Check, _: &CheckResult) {
            println!("{:5} {}", self.0.elapsed().as_millis(), c.name);
            self.0 = std::time::Instant::now();
        }
    }
    let t = std::time::Instant::now();
    let report = run(&mut rig, Some(&medium), &Limits::new(Microwatts(20_000)).with_light(), |_| true, &mut T(t));
    println!("{}", report.text());
    println!("{:?}", t.elapsed());
}
