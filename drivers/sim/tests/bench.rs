//! The simulated bench, driven by the recording algorithms.
use disc_hal::hal::Rig;
use disc_hal::media::Medium;
use disc_hal::record::{Job, Observer, Options, Stage, record};
use disc_hal_sim::SimRig;

struct Talk(std::time::Instant);
impl Observer for Talk {
    fn started(&mut self, stage: Stage, total: u64) {
        eprintln!("{:8.3} start {stage:?} {total}", self.0.elapsed().as_secs_f64());
    }
    fn note(&mut self, text: &str) {
        eprintln!("   {text}");
    }
    fn finished(&mut self, stage: Stage) {
        eprintln!("{:8.3} done {stage:?}", self.0.elapsed().as_secs_f64());
    }
}

#[test]
fn a_file_comes_back() {
    let medium = Medium::load("dual-layer").unwrap();
    let t = std::time::Instant::now();
    let mut rig = SimRig::blank(medium.clone(), 1).unwrap();
    eprintln!("world {:?}", t.elapsed());
    let data: Vec<u8> = (0..100_000u32).map(|i| (i * 7 + (i >> 8)) as u8).collect();
    let identity = rig.identity().to_string();
    let _ = identity;
    let jobs = [Job { name: "x".into(), data: &data, layer: 0, address: None }];
    let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Talk(t));
    match result {
        Ok(r) => {
            let l = &r.layers[0];
            eprintln!("{:#?}", l.calibration);
            eprintln!("{:#?}", l.verdicts);
            eprintln!("{:?}", l.quality.levels);
            assert!(l.identical);
        }
        Err(e) => panic!("{e}\n{e:?}"),
    }
}
