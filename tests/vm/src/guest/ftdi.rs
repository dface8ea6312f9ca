//! A tester behind a USB adapter: QEMU's model of an FTDI chip and the kernel's
//! `ftdi_sio`. Pulled and put back by QEMU.

use crate::Case;
use crate::outside::monitor;
use crate::promises;
use crate::serial::{self, Link};

pub(crate) fn cases() -> Vec<Case> {
    serial::cases(Link {
        key: "ftdi",
        name: "FTDI in the virtual machine",
        port: "/dev/ttyUSB0",
        usb: "usb 0403:6001 QEMU QEMU USB SERIAL",
        only: promises::ON_A_LINE,
        plug: || monitor("device_add usb-serial,id=adapter,bus=usb.0,chardev=line,always-plugged=on"),
        unplug: || monitor("device_del adapter"),
        _relay: None,
    })
}
