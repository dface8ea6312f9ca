//! The report: one HTML file that needs nothing else.

mod charts;
mod eye;
mod page;
mod strategy;
mod svg;
#[cfg(test)]
mod tests;

pub(crate) use page::html;
