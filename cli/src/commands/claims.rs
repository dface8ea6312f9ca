//! `disc-hal claims`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use disc_hal::media::Medium;
use disc_hal_sim::claims::{self, Bound, Claim, Figure, Finding};
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::medium;
use crate::output;
use crate::table::render;

/// Checks a medium against the claims of the patents on such media, with the figure of each.
///
/// Patent A is about heat: both layers lose it equally fast. Patent B is about two units
/// bonded face to face, their grooves and lands. Patent C is about electrochromic layers; here
/// are those of its claims that a medium meets by itself. The figures are computed from films, grooves,
/// heat and cells of the description; "without" is the same figure with the claim's feature taken
/// out of the description.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal claims --medium matched-low-k
  disc-hal claims --medium mine.toml --claim A1 --claim A5
  disc-hal claims --medium mine.toml --require A1 || echo 'not matched'
  disc-hal claims --medium ec-photoconductor
  disc-hal claims --medium mine.toml --json

The exit code is 1 if a claim given with --require is not met.")]
pub(crate) struct ClaimsArgs {
    /// A preset (see `disc-hal media`) or a medium file.
    #[arg(long, value_name = "NAME|FILE", default_value = "dual-layer")]
    medium: String,
    /// Only these claims; may be given several times.
    #[arg(long, value_name = "CLAIM", ignore_case = true, value_parser = PossibleValuesParser::new(NAMES))]
    claim: Vec<String>,
    /// Fails if the claim is not met; may be given several times.
    #[arg(long, value_name = "CLAIM", ignore_case = true, value_parser = PossibleValuesParser::new(NAMES))]
    require: Vec<String>,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

/// The names of all claims.
const NAMES: [&str; 15] = ["A1", "A2", "A3", "A4", "A5", "B1", "B2", "B3", "B4", "B5", "B6", "C9", "C10", "C12", "C13"];

#[derive(Debug, Serialize)]
struct Document<'a> {
    medium: &'a str,
    claims: &'a [Finding],
}

fn all() -> impl Iterator<Item = Claim> {
    Claim::DUAL_LAYER.into_iter().chain(Claim::ELECTROCHROMIC)
}

fn among(claim: Claim, names: &[String]) -> bool {
    names.iter().any(|n| n.eq_ignore_ascii_case(&claim.to_string()))
}

pub(super) fn run(args: &ClaimsArgs) -> Result<Code, Failure> {
    let medium = medium::of_either_kind(&args.medium)?;
    let asked = |c: &Claim| among(*c, &args.claim) || among(*c, &args.require);
    let own = Claim::of(&medium);
    if let Some(other) = all().find(|c| asked(c) && !own.contains(c)) {
        let kind = if medium.is_electrochromic() { "electrochromic" } else { "of dye" };
        let what = format!(
            "claim {other} is not about such media as {}, which is {kind}",
            medium::called(&medium, Some(&args.medium))
        );
        let names: Vec<String> = own.iter().map(ToString::to_string).collect();
        return Err(Failure::new(Code::Data, what).next(format!("ask it for {}, or another medium", names.join(", "))));
    }
    let claims: Vec<Claim> = own.iter().copied().filter(|c| args.claim.is_empty() || asked(c)).collect();
    let findings =
        claims::check_some(&medium, &claims).map_err(|e| medium::unusable(&medium, Some(&args.medium), e))?;
    if args.json {
        output::json(&Document { medium: &medium.name, claims: &findings })?;
    } else {
        output::stdout(text(&medium, &findings).as_bytes())?;
    }
    let broken = findings.iter().any(|f| !f.met && among(f.claim, &args.require));
    Ok(if broken { Code::LimitFailed } else { Code::Pass })
}

/// What rounding leaves of a figure that is zero.
const NOTHING: f64 = 1e-12;

/// A figure in as many digits as say something.
fn number(value: f64) -> String {
    if value.is_nan() {
        "none".into()
    } else if value.abs() < NOTHING {
        "0.000".into()
    } else if value != 0.0 && !(0.001..1e4).contains(&value.abs()) {
        format!("{value:.2e}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

fn row(figure: &Figure) -> Vec<String> {
    let holds = match figure.bound {
        Bound::Told => "",
        _ if figure.holds() => "ok",
        _ => "out",
    };
    vec![
        format!("      {}", figure.name),
        number(figure.value),
        figure.without.map_or(String::new(), |w| format!("without {}", number(w))),
        figure.bound.to_string(),
        holds.into(),
    ]
}

fn text(medium: &Medium, findings: &[Finding]) -> String {
    let mut out = format!("{}: {}\n", medium.name, medium.description);
    for finding in findings {
        let word = if finding.met { "met    " } else { "not met" };
        out.push_str(&format!("\n{}  {word}  {}\n      {}\n", finding.claim, finding.demand, finding.why));
        let rows: Vec<Vec<String>> = finding.figures.iter().map(row).collect();
        out.push_str(&render(&rows));
    }
    let met = findings.iter().filter(|f| f.met).count();
    out.push_str(&format!("\nmet: {met} of {}\n", findings.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_printed_in_digits_that_say_something() {
        for (value, text) in [(1.39e-17, "0.000"), (-1.39e-17, "0.000"), (2e-5, "2.00e-5"), (1.0321, "1.032")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), "none");
    }

    #[test]
    fn every_claim_can_be_asked_for() {
        assert_eq!(all().map(|c| c.to_string()).collect::<Vec<_>>(), NAMES);
    }
}
