//! What is wrong with a file, collected while it is read.

use std::cell::RefCell;
use std::ops::Range;

use super::problem::Mistake;

/// The mistakes of a file so far, and what is not to be shown of it.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: RefCell<Vec<Mistake>>,
    secrets: RefCell<Vec<Range<usize>>>,
}

impl Mistakes {
    pub(crate) fn add(&self, at: Range<usize>, message: impl Into<String>) {
        let message = message.into();
        self.found.borrow_mut().push(Mistake { at, message });
    }

    /// What stands there is not to be shown.
    pub(super) fn hide(&self, at: Range<usize>) {
        self.secrets.borrow_mut().push(at);
    }

    /// The mistakes in the order of the file, and what is not to be shown.
    pub(crate) fn into_parts(self) -> (Vec<Mistake>, Vec<Range<usize>>) {
        let mut found = self.found.into_inner();
        found.sort_by_key(|mistake| mistake.at.start);
        (found, self.secrets.into_inner())
    }
}
