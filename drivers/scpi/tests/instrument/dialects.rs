//! The command trees of three families, as their manuals have them.

use scpi::error::{ErrorCode, Result};
use scpi::parser::expression::channel_list::{ChannelList, Token as Channel};
use scpi::parser::format::Character;
use scpi::tree::prelude::{Node, Parameters};
use scpi::{Branch, Leaf, Root};
use scpi_contrib::{ieee488_cls, ieee488_esr, ieee488_idn, ieee488_opc, ieee488_rst, ieee488_stb, scpi_system};

use super::model::Output;
use super::psu::{Fun, Psu, nr3};

/// Whose commands are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Keithley,
    Rigol,
    Keysight,
}

impl Dialect {
    pub const ALL: [Self; 3] = [Self::Keithley, Self::Rigol, Self::Keysight];

    pub fn outputs(self) -> Vec<Output> {
        match self {
            Self::Keithley => vec![Output::new((-21.0, 21.0), 1.05, 0.0005)],
            Self::Rigol => vec![Output::new((0.0, 32.0), 3.2, 0.001); 3],
            Self::Keysight => vec![Output::new((0.0, 25.75), 1.03, 0.001); 3],
        }
    }

    pub const fn tree(self) -> &'static Node<'static, Psu> {
        match self {
            Self::Keithley => &const { KEITHLEY },
            Self::Rigol => &const { RIGOL },
            Self::Keysight => &const { KEYSIGHT },
        }
    }
}

macro_rules! fun {
    ($channel:expr, $event:expr, $query:expr) => {
        &Fun { channel: $channel, event: $event, query: $query }
    };
}

/// `(@2)`, or the selected channel.
fn listed(parameters: &mut Parameters) -> Result<usize> {
    match parameters.next_optional_data::<ChannelList>()?.and_then(|mut list| list.next()) {
        None => Ok(0),
        Some(Ok(Channel::ChannelSpec(spec))) => spec.try_into(),
        Some(_) => Err(ErrorCode::InvalidExpression.into()),
    }
}

/// `CH2`.
fn named(text: &[u8]) -> Result<usize> {
    match text {
        [c, h, digit @ b'1'..=b'9'] if [*c, *h].eq_ignore_ascii_case(b"CH") => Ok(usize::from(digit - b'0')),
        _ => Err(ErrorCode::IllegalParameterValue.into()),
    }
}

fn optional_name(parameters: &mut Parameters) -> Result<usize> {
    parameters.next_optional_data::<Character>()?.map_or(Ok(0), |c| named(c.0))
}

fn switch(text: &[u8]) -> Result<bool> {
    match text {
        on if on.eq_ignore_ascii_case(b"ON") || on == b"1" => Ok(true),
        off if off.eq_ignore_ascii_case(b"OFF") || off == b"0" => Ok(false),
        _ => Err(ErrorCode::IllegalParameterValue.into()),
    }
}

/// Takes whatever comes.
fn taken(_: &mut Psu, _: usize, parameters: &mut Parameters) -> Result<()> {
    while parameters.next_optional_token()?.is_some() {}
    Ok(())
}

fn volts(psu: &mut Psu, n: usize, p: &mut Parameters) -> Result<()> {
    psu.set_volts(n, p.next_data()?)
}

fn volts_query(psu: &mut Psu, n: usize, _: &mut Parameters) -> Result<String> {
    Ok(nr3(psu.output(n)?.set))
}

fn amperes(psu: &mut Psu, n: usize, p: &mut Parameters) -> Result<()> {
    psu.set_limit(n, p.next_data()?)
}

fn amperes_query(psu: &mut Psu, n: usize, _: &mut Parameters) -> Result<String> {
    Ok(nr3(psu.output(n)?.limit))
}

const KEITHLEY: Node<'static, Psu> = Root![
    ieee488_cls!(),
    ieee488_esr!(),
    ieee488_idn!(b"KEITHLEY INSTRUMENTS INC.", b"MODEL 2400", b"1234567", b"C30   Mar 17 2006 09:29:29/A02  /K/J"),
    ieee488_opc!(),
    ieee488_rst!(),
    ieee488_stb!(),
    scpi_system!(),
    Branch![b"SOURce";
        Branch![b"FUNCtion"; Leaf!(default b"MODE" => fun!(1, Some(taken), None))],
        Branch![b"VOLTage";
            Leaf!(default b"LEVel" => fun!(1, Some(volts), Some(volts_query))),
            Leaf!(b"MODE" => fun!(1, Some(taken), None)),
            Leaf!(b"RANGe" => fun!(1, Some(taken), None))]],
    Branch![b"SENSe";
        Leaf!(b"FUNCtion" => fun!(1, Some(taken), None)),
        Branch![b"CURRent";
            Branch![b"RANGe"; Leaf!(b"AUTO" => fun!(1, Some(taken), None))],
            Branch![b"PROTection";
                Leaf!(default b"LEVel" => fun!(1, Some(amperes), Some(amperes_query))),
                Leaf!(b"TRIPped" => fun!(1, None, Some(|psu, n, _| Ok(u8::from(psu.output(n)?.limiting).to_string()))))]]],
    Branch![b"OUTPut";
        Leaf!(default b"STATe" => fun!(1,
            Some(|psu, n, p| { let on = p.next_data()?; psu.switch(n, on) }),
            Some(|psu, n, _| Ok(u8::from(psu.output(n)?.on).to_string())))),
        Leaf!(b"SMODe" => fun!(1, Some(taken), None))],
    Branch![b"FORMat"; Leaf!(b"ELEMents" => fun!(1, Some(taken), None))],
    Leaf!(b"READ" => fun!(1, None, Some(|psu, n, _| {
        let output = psu.output(n)?.clone();
        if !output.on {
            return Err(scpi::error::Error::custom(803, b"Not permitted with OUTPUT off"));
        }
        Ok(format!("{},{}", psu.measured(output.terminal), psu.measured(output.current)))
    })))
];

const RIGOL: Node<'static, Psu> = Root![
    ieee488_cls!(),
    ieee488_esr!(),
    ieee488_idn!(b"RIGOL TECHNOLOGIES", b"DP832A", b"DP8A123456789", b"00.01.14"),
    ieee488_opc!(),
    ieee488_rst!(),
    ieee488_stb!(),
    scpi_system!(),
    Branch![b"SOURce1";
        Leaf!(b"VOLTage" => fun!(1, Some(volts), Some(volts_query))),
        Leaf!(b"CURRent" => fun!(1, Some(amperes), Some(amperes_query)))],
    Branch![b"SOURce2";
        Leaf!(b"VOLTage" => fun!(2, Some(volts), Some(volts_query))),
        Leaf!(b"CURRent" => fun!(2, Some(amperes), Some(amperes_query)))],
    Branch![b"SOURce3";
        Leaf!(b"VOLTage" => fun!(3, Some(volts), Some(volts_query))),
        Leaf!(b"CURRent" => fun!(3, Some(amperes), Some(amperes_query)))],
    Leaf!(b"VOLTage" => fun!(0, Some(volts), Some(volts_query))),
    Leaf!(b"CURRent" => fun!(0, Some(amperes), Some(amperes_query))),
    Branch![b"INSTrument";
        Leaf!(b"NSELect" => fun!(0,
            Some(|psu, _, p| {
                let n: usize = p.next_data()?;
                psu.output(n.max(1))?;
                psu.selected = n - 1;
                Ok(())
            }),
            Some(|psu, _, _| Ok((psu.selected + 1).to_string()))))],
    Branch![b"OUTPut";
    Leaf!(default b"STATe" => fun!(0,
        Some(|psu, _, p| {
            let first: Character = p.next_data()?;
            match p.next_optional_data::<Character>()? {
                Some(state) => psu.switch(named(first.0)?, switch(state.0)?),
                None => psu.switch(0, switch(first.0)?),
            }
        }),
        Some(|psu, _, p| {
            let n = optional_name(p)?;
            Ok(if psu.output(n)?.on { "ON".into() } else { "OFF".into() })
        }))),
    Leaf!(b"CVCC" => fun!(0, None, Some(|psu, _, p| {
        let n = optional_name(p)?;
        Ok(if psu.output(n)?.limiting { "CC".into() } else { "CV".into() })
    })))],
    Branch![b"MEASure";
    Leaf!(b"VOLTage" => fun!(0, None, Some(|psu, _, p| {
        let n = optional_name(p)?;
        let value = psu.output(n)?.terminal;
        Ok(psu.measures.map_or_else(|| format!("{value:.4}"), Into::into))
    }))),
    Leaf!(b"CURRent" => fun!(0, None, Some(|psu, _, p| {
        let n = optional_name(p)?;
        let value = psu.output(n)?.current;
        Ok(psu.measures.map_or_else(|| format!("{value:.6}"), Into::into))
    })))]
];

fn condition(psu: &mut Psu, n: usize, _: &mut Parameters) -> Result<String> {
    let output = psu.output(n)?;
    Ok(format!(
        "{:+}",
        if !output.on {
            0
        } else if output.limiting {
            1
        } else {
            2
        }
    ))
}

const KEYSIGHT: Node<'static, Psu> = Root![
    ieee488_cls!(),
    ieee488_esr!(),
    ieee488_idn!(b"Keysight Technologies", b"E36312A", b"MY12345678", b"1.0.4-1.0.3-1.00"),
    ieee488_opc!(),
    ieee488_rst!(),
    ieee488_stb!(),
    scpi_system!(),
    Branch![b"VOLTage";
        Leaf!(default b"LEVel" => fun!(0,
            Some(|psu, _, p| { let v = p.next_data()?; let n = listed(p)?; psu.set_volts(n, v) }),
            Some(|psu, _, p| { let n = listed(p)?; Ok(nr3(psu.output(n)?.set)) }))),
        // Not of this family, but of its larger sisters (N6700): an output that ramps by itself.
        Leaf!(b"SLEW" => fun!(0,
            Some(|psu, _, p| { let slew = p.next_data()?; let n = listed(p)?; psu.output(n)?.slew = slew; Ok(()) }),
            Some(|psu, _, p| { let n = listed(p)?; Ok(nr3(psu.output(n)?.slew)) })))],
    Leaf!(b"CURRent" => fun!(0,
        Some(|psu, _, p| { let a = p.next_data()?; let n = listed(p)?; psu.set_limit(n, a) }),
        Some(|psu, _, p| { let n = listed(p)?; Ok(nr3(psu.output(n)?.limit)) }))),
    Branch![b"OUTPut";
        Leaf!(default b"STATe" => fun!(0,
            Some(|psu, _, p| { let on = p.next_data()?; let n = listed(p)?; psu.switch(n, on) }),
            Some(|psu, _, p| { let n = listed(p)?; Ok(u8::from(psu.output(n)?.on).to_string()) })))],
    Branch![b"MEASure";
    Leaf!(b"VOLTage" => fun!(0, None, Some(|psu, _, p| {
        let n = listed(p)?;
        let value = psu.output(n)?.terminal;
        Ok(psu.measured(value))
    }))),
    Leaf!(b"CURRent" => fun!(0, None, Some(|psu, _, p| {
        let n = listed(p)?;
        let value = psu.output(n)?.current;
        Ok(psu.measured(value))
    })))],
    Branch![b"STATus"; Branch![b"QUEStionable"; Branch![b"INSTrument";
        Branch![b"ISUMmary1"; Leaf!(b"CONDition" => fun!(1, None, Some(condition)))],
        Branch![b"ISUMmary2"; Leaf!(b"CONDition" => fun!(2, None, Some(condition)))],
        Branch![b"ISUMmary3"; Leaf!(b"CONDition" => fun!(3, None, Some(condition)))]]]]
];
