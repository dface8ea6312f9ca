//! The report: one HTML file that needs nothing else.

mod charts;
mod compare;
mod eye;
mod health;
mod map;
mod page;
mod strategy;
mod svg;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use compare::compare;
pub(crate) use health::health;
pub(crate) use page::html;
