//! A tester on CDC-ACM: the kernel's own gadget driver (`u_serial`, `/dev/ttyGS0`) is the
//! tester's side, its host driver (`cdc-acm`, `/dev/ttyACM0`) ours, a loop between them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::Case;
use crate::outside;
use crate::promises;
use crate::relay::Relay;
use crate::serial::{self, Link};

const GADGET: &str = "/sys/kernel/config/usb_gadget/bench";

fn plug() {
    let controller = fs::read_dir("/sys/class/udc").expect("a USB device controller").flatten().next();
    let name = controller.expect("a USB device controller").file_name();
    fs::write(format!("{GADGET}/UDC"), name.to_string_lossy().as_bytes()).expect("to plug it in");
}

fn unplug() {
    fs::write(format!("{GADGET}/UDC"), "\n").expect("to unplug it");
}

fn gadget() {
    let folder = Path::new(GADGET);
    let make = |name: &str| fs::create_dir_all(folder.join(name)).expect(name);
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect(name);
    make("");
    // The numbers of the Linux Foundation's gadget with several functions.
    write("idVendor", "0x1d6b");
    write("idProduct", "0x0104");
    make("strings/0x409");
    write("strings/0x409/manufacturer", "Tester Works");
    write("strings/0x409/product", "Bench on CDC-ACM");
    write("strings/0x409/serialnumber", "ACM-0001");
    make("functions/acm.GS0");
    make("configs/c.1");
    symlink(folder.join("functions/acm.GS0"), folder.join("configs/c.1/acm.GS0")).expect("the function");
}

pub(crate) fn cases() -> Vec<Case> {
    gadget();
    let relay = Relay::start(Path::new("/dev/ttyGS0"), &outside::port("line"));
    plug();
    let link = Link {
        key: "acm",
        name: "CDC-ACM in the virtual machine",
        port: "/dev/ttyACM0",
        usb: "usb 1d6b:0104 Tester Works Bench on CDC-ACM ACM-0001",
        only: promises::ON_A_LINE,
        plug,
        unplug,
        _relay: Some(relay),
    };
    serial::cases(link)
}
