//! Which part of a list is requested, and the part that is returned.
//!
//! Lists are ordered by creation time and id. A cursor is a row's id.

use uuid::Uuid;

/// How many items a page has if the request does not say.
pub(crate) const DEFAULT_PAGE_SIZE: u16 = 20;
/// How many items a page has at most.
pub(crate) const LARGEST_PAGE_SIZE: u16 = 100;

/// In which direction a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// Where a page lies in its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PagePosition {
    /// At the start.
    #[default]
    Start,
    /// Right after this item.
    After(Uuid),
    /// Right before this item.
    Before(Uuid),
}

/// The requested part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// Where.
    pub position: PagePosition,
    /// How many items.
    pub size: u16,
    /// In which direction.
    pub order: SortOrder,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { position: PagePosition::Start, size: DEFAULT_PAGE_SIZE, order: SortOrder::default() }
    }
}

/// Why a page cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// A size below 0 or above `LARGEST_PAGE_SIZE`.
    #[error("Pagination index error")]
    Size,
    /// `last` without `before`.
    #[error("Can't paginate backwards from the start.")]
    BackwardsFromStart,
}

/// What a caller gave to say which part of a list it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageArguments {
    /// After this item.
    pub after: Option<String>,
    /// Before this item.
    pub before: Option<String>,
    /// So many, forwards.
    pub first: Option<i64>,
    /// So many, backwards.
    pub last: Option<i64>,
    /// In which direction.
    pub order: SortOrder,
}

impl PageArguments {
    /// The page meant; `after` wins over `before`. A cursor that is no id matches nothing: its page is empty.
    pub fn request(&self) -> Result<PageRequest, PageError> {
        let (first, last) = (size(self.first)?, size(self.last)?);
        let cursor = |text: &str| Uuid::try_parse(text).unwrap_or(Uuid::nil());
        let (position, size) = match (&self.after, &self.before) {
            (_, None) if self.last.is_some_and(|last| last != 0) => return Err(PageError::BackwardsFromStart),
            (Some(after), _) => (PagePosition::After(cursor(after)), first),
            (None, Some(before)) => (PagePosition::Before(cursor(before)), last),
            (None, None) => (PagePosition::Start, first),
        };
        Ok(PageRequest { position, size, order: self.order })
    }
}

fn size(given: Option<i64>) -> Result<u16, PageError> {
    match given {
        None | Some(0) => Ok(DEFAULT_PAGE_SIZE),
        Some(given) => u16::try_from(given).ok().filter(|size| *size <= LARGEST_PAGE_SIZE).ok_or(PageError::Size),
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the requested order.
    pub items: Vec<T>,
    /// Whether there are items after the last.
    pub has_next: bool,
    /// Whether there are items before the first.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// A page with nothing on it.
    pub fn empty() -> Self {
        Self { items: Vec::new(), has_next: false, has_previous: false }
    }

    /// The same page of other items.
    pub fn try_map<U, E>(self, map: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(map).collect::<Result<_, E>>()?;
        Ok(Page { items, has_next: self.has_next, has_previous: self.has_previous })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_default_to_twenty_and_end_at_a_hundred() {
        let page = |first| PageArguments { first, ..PageArguments::default() }.request().map(|page| page.size);
        assert_eq!(page(None), Ok(20));
        assert_eq!(page(Some(0)), Ok(20));
        assert_eq!(page(Some(100)), Ok(100));
        assert_eq!(page(Some(101)), Err(PageError::Size));
        assert_eq!(page(Some(-1)), Err(PageError::Size));
    }

    #[test]
    fn there_is_no_page_before_the_start() {
        let last = PageArguments { last: Some(3), ..PageArguments::default() };
        assert_eq!(last.request(), Err(PageError::BackwardsFromStart));
        let after = PageArguments { after: Some(String::new()), ..last.clone() };
        assert_eq!(after.request(), Err(PageError::BackwardsFromStart));
        let before = PageArguments { before: Some(Uuid::max().to_string()), ..last };
        let position = PagePosition::Before(Uuid::max());
        assert_eq!(before.request(), Ok(PageRequest { position, size: 3, order: SortOrder::Descending }));
    }
}
