//! The present rates: those of a seed, or those of the file at this moment.
//!
//! The file is read for every request. Requests come every few seconds, so the file need not be watched.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::book::{RateBook, UnknownBase};
use crate::file::{RatesFileError, read};

/// Answers requests for rates. Clones are the same service.
#[derive(Clone, Debug)]
pub struct RatesService {
    source: Source,
    pub(crate) unknown_base: UnknownBase,
}

#[derive(Clone, Debug)]
enum Source {
    Seed(Arc<RateBook>),
    File(Arc<Watched>),
}

/// A file, and its last content.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    read: ArcSwap<Reading>,
}

#[derive(Debug)]
struct Reading {
    text: String,
    /// The last usable rates: those of the text, or the earlier ones if the text cannot be used.
    book: Arc<RateBook>,
}

impl RatesService {
    /// Serves `book` for ever.
    pub fn of(book: RateBook) -> Self {
        Self { source: Source::Seed(Arc::new(book)), unknown_base: UnknownBase::Empty }
    }

    /// Serves the file at `path` with its content at each request. It must be usable now.
    pub async fn of_file(path: &Path) -> Result<Self, RatesFileError> {
        let text = read(path).await?;
        let book = Arc::new(RateBook::from_yaml(&text)?);
        let read = ArcSwap::from_pointee(Reading { text, book });
        let source = Source::File(Arc::new(Watched { path: path.to_owned(), read }));
        Ok(Self { source, unknown_base: UnknownBase::Empty })
    }

    /// The same, with this answer for a base without rates.
    pub fn with_unknown_base(self, unknown_base: UnknownBase) -> Self {
        Self { unknown_base, ..self }
    }

    /// The rates at this moment.
    pub async fn book(&self) -> Arc<RateBook> {
        match &self.source {
            Source::Seed(book) => book.clone(),
            Source::File(file) => file.book().await,
        }
    }
}

impl Watched {
    /// The rates in the file. If the file cannot be used, this is logged, and the last usable rates are returned.
    async fn book(&self) -> Arc<RateBook> {
        let known = self.read.load_full();
        let text = match read(&self.path).await {
            Ok(text) if text == known.text => return known.book.clone(),
            Ok(text) => text,
            Err(error) => {
                let file = self.path.display();
                tracing::error!(%error, %file, "the file of rates cannot be used; the previous rates are served");
                return known.book.clone();
            }
        };
        let book = match RateBook::from_yaml(&text) {
            Ok(book) => {
                tracing::info!(file = %self.path.display(), "the file of rates has changed; the new rates are served");
                Arc::new(book)
            }
            Err(error) => {
                let file = self.path.display();
                tracing::error!(%error, %file, "the file of rates cannot be used; the previous rates are served");
                known.book.clone()
            }
        };
        self.read.store(Arc::new(Reading { text, book: book.clone() }));
        book
    }
}
