//! `disc-hal media`.

use disc_hal::media::Medium;

use crate::args::Media;
use crate::exit::{Code, Failure};
use crate::output;
use crate::table::render;

/// Lists the presets, or prints a medium.
pub(super) fn run(args: &Media) -> Result<Code, Failure> {
    if let Some(name) = &args.name {
        let text = Medium::load(name)?
            .to_toml()
            .map_err(|e| Failure::new(Code::Data, format!("can't write the medium `{name}` as TOML")).because(e))?;
        output::stdout(text.as_bytes())?;
        return Ok(Code::Pass);
    }
    let mut rows = vec![["medium", "layers", "description"].map(String::from).to_vec()];
    for name in Medium::presets() {
        let medium = Medium::load(name)?;
        rows.push(vec![medium.name, medium.layers.len().to_string(), medium.description]);
    }
    output::stdout(render(&rows).as_bytes())?;
    Ok(Code::Pass)
}
