//! No output goes over an input: what a command reads, and the disc that it works on, stays.

mod support;

use std::fs;

use support::*;

#[test]
fn no_command_writes_over_what_it_reads() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(2000)).unwrap();
    fs::write(d.join("medium.toml"), run(d, &["media", "dual-layer"]).stdout).unwrap();
    let medium = fs::read_to_string(d.join("medium.toml")).unwrap();
    let strategy = medium.split("[layer.write.strategy]").nth(1).unwrap().split("\n[").next().unwrap();
    fs::write(d.join("start.toml"), strategy).unwrap();
    let spot = "[[defect]]\nkind = \"black-spot\"\non = \"surface\"\nradius = \"40 mm\"\nangle = \"0 deg\"\nsize = \"200 um\"\n";
    fs::write(d.join("spots.toml"), spot).unwrap();
    let record = ["record", "file", "--disc", "d.dhd", "--medium", "medium.toml", "--defects", "spots.toml", "--quiet"];
    let out = run(d, &record);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(run(d, &["format", "encode", "file", "-o", "bits"]).status.success());
    let inputs = ["file", "medium.toml", "start.toml", "spots.toml", "d.dhd", "bits"];
    let before = inputs.map(|name| fs::read(d.join(name)).unwrap());
    let on_disc = "--disc d.dhd --medium medium.toml";
    let new_disc = "record file --medium medium.toml --defects spots.toml --disc new.dhd --report";
    let suite = "conformance --bench sim --max-power 0mW --medium medium.toml";
    let heat = "heat --layer 1 --power 12mW --pulse 40ns";
    for line in [
        format!("{heat} --medium medium.toml --csv medium.toml"),
        format!("{heat} --medium ./medium.toml --csv=medium.toml"),
        "compare medium.toml dual-layer --no-recording --report ./medium.toml".into(),
        format!("{new_disc} file"),
        format!("{new_disc} medium.toml"),
        format!("{new_disc} spots.toml"),
        format!("{new_disc} new.dhd"),
        format!("read {on_disc} -o medium.toml"),
        format!("read {on_disc} -o ./d.dhd"),
        "read -o d.dhd".into(),
        format!("measure {on_disc} --report medium.toml"),
        format!("measure {on_disc} --report d.dhd"),
        format!("verify {on_disc} --report medium.toml"),
        format!("verify {on_disc} --report d.dhd"),
        format!("optimise {on_disc} --layer 0 --from start.toml -o medium.toml"),
        format!("optimise {on_disc} --layer 0 --from start.toml -o start.toml"),
        format!("optimise {on_disc} --layer 0 --from start.toml -o d.dhd"),
        format!("{suite} --report medium.toml"),
        format!("{suite} --badge medium.toml"),
        "conformance --bench sim:d.dhd --max-power 0mW --report d.dhd".into(),
        "format encode file -o file".into(),
        "format decode bits -o ./bits".into(),
        "--trace medium.toml optics --medium medium.toml".into(),
        "optics --medium=medium.toml --trace ./medium.toml".into(),
        "info --bench sim:d.dhd --trace d.dhd".into(),
        "supply --list-profiles --profile start.toml --trace=start.toml".into(),
    ] {
        fails(d, &line.split(' ').collect::<Vec<_>>(), 2, &["it would be lost", "next:"]);
        for (name, before) in inputs.iter().zip(&before) {
            assert!(fs::read(d.join(name)).unwrap() == *before, "{line}: {name} has changed");
        }
        assert!(!d.join("new.dhd").exists(), "{line}: a disc was made");
    }
    // Two outputs are two files, and a trace of no link takes nothing from the disc that is found by itself.
    let both = format!("{suite} --report page --badge ./page");
    fails(d, &both.split(' ').collect::<Vec<_>>(), 2, &["given for two outputs"]);
    assert!(run(d, &["read", "-o", "copy", "--trace", "d.dhd"]).status.success());
    assert!(fs::read(d.join("d.dhd")).unwrap() == before[4]);
    assert_eq!(fs::read(d.join("copy")).unwrap(), before[0]);
}
