//! What one user may reach: the own accounts with their balances and history. Every question names the user.
//!
//! Who the user is, is decided in `users`.

use admin_client::AdminError;
use clock::Timestamp;
use database::Error;
use money::Asset;
use outside_text::check_line;
use uuid::Uuid;

use crate::cards::{CardState, OwnCard};
use crate::effect_error::EffectError;
use crate::effects::Effects;
pub(crate) use crate::held::Held;
use crate::history::{self, Kind, Movement, Movements, Spending, StreamedDay, Wanted};
use crate::ledger_book::BookError;
use crate::modules::ModuleError;
use crate::own_limits::{Own, OwnLimits, Standing};
use crate::sql::{execute, one};
use crate::store::AccountRow;

/// The most accounts of one user.
const ACCOUNTS_MAX: usize = 50;
/// The longest name of an account, in characters.
const NAME_MAX: usize = 100;
/// The longest last part of an address.
const PATH_MAX: usize = 64;
const RESERVED: [&str; 8] = ["admin", "api", "help", "root", "support", "security", "jwks.json", "www"];
/// The most play money of one top-up, in major units.
const TOP_UP_MAX: u64 = 10_000;

/// The reach of one user.
#[derive(Clone)]
pub(crate) struct Customer {
    user: Uuid,
    effects: Effects,
}

/// An account to open, as written in the form.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    /// The key of the form. A repetition opens no second account.
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) asset: Asset,
    /// The last part of its wallet address.
    pub(crate) path: String,
}

/// Why an account is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("Use 3 to 64 small letters, digits, dots, hyphens and underscores; begin and end with a letter or digit.")]
    Path,
    #[error("Somebody has this address already. Choose another one.")]
    PathTaken,
    #[error("Write a name with at most 100 characters.")]
    Name,
    #[error("Choose a currency.")]
    Asset,
    #[error("You have as many accounts as one person may have.")]
    TooMany,
    #[error(transparent)]
    Effect(#[from] EffectError),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Effect(error.into())
    }
}

impl Customer {
    pub(crate) fn new(user: Uuid, effects: Effects) -> Self {
        Self { user, effects }
    }

    pub(crate) fn user(&self) -> Uuid {
        self.user
    }

    /// The accounts with their balances. A closed one is among them only if money has come to it since.
    pub(crate) async fn accounts(&self) -> Result<Vec<Held>, EffectError> {
        Ok(self.effects.modules.accounts.of_user(self.user).await?)
    }

    /// One account.
    pub(crate) async fn account(&self, id: Uuid) -> Result<Option<Held>, EffectError> {
        Ok(self.accounts().await?.into_iter().find(|held| held.account.id == id))
    }

    /// The movements, the newest first.
    pub(crate) async fn movements(&self, wanted: &Wanted, limit: u32) -> Result<Movements, ModuleError> {
        let payments = &self.effects.modules.payments;
        history::list(self.effects.store.database(), Some(payments), self.user, wanted, limit).await
    }

    /// The same without the names of contacts.
    pub(crate) async fn unnamed_movements(&self, wanted: &Wanted, limit: u32) -> Result<Movements, ModuleError> {
        history::list(self.effects.store.database(), None, self.user, wanted, limit).await
    }

    /// The newest payments under a grant.
    pub(crate) async fn under(&self, grant: &str, limit: u32) -> Result<Movements, ModuleError> {
        self.effects.modules.accounts.under(self.user, grant, limit).await
    }

    /// What payments under a grant have used of a limit.
    pub(crate) async fn used(&self, spending: &Spending<'_>) -> Result<u64, ModuleError> {
        self.effects.modules.accounts.used(self.user, spending).await
    }

    /// What the customer decided about an agreement, for an account.
    pub(crate) async fn own_limits(&self, grant: &str, account: Uuid) -> Result<Own, ModuleError> {
        self.effects.modules.agreements.own(grant, account).await
    }

    /// What the payments of today under an agreement count for its limit of a day.
    pub(crate) async fn spent_today(&self, grant: &str, account: Uuid) -> Result<u64, ModuleError> {
        self.effects.modules.agreements.spent_today(grant, account).await
    }

    /// Pauses an agreement for an own account, or lets its payments through again.
    pub(crate) async fn stand(&self, grant: &str, account: Uuid, standing: Standing) -> Result<(), EffectError> {
        if self.account(account).await?.is_none() {
            return Ok(());
        }
        Ok(self.effects.modules.agreements.stand(grant, account, standing).await?)
    }

    /// Sets own limits of an agreement for an own account.
    pub(crate) async fn limit(&self, grant: &str, account: Uuid, limits: &OwnLimits) -> Result<(), EffectError> {
        if self.account(account).await?.is_none() {
            return Ok(());
        }
        Ok(self.effects.modules.agreements.limit(grant, account, limits).await?)
    }

    /// The own cards.
    pub(crate) async fn cards(&self) -> Result<Vec<OwnCard>, EffectError> {
        Ok(self.effects.cards.of_accounts(&self.every_account().await?).await?)
    }

    /// All accounts, also those that are closed.
    async fn every_account(&self) -> Result<Vec<Uuid>, ModuleError> {
        let accounts = self.effects.modules.accounts.every_of_user(self.user).await?;
        Ok(accounts.into_iter().map(|account| account.id).collect())
    }

    /// Changes whether an own card pays.
    pub(crate) async fn card_stands(&self, number: &str, state: CardState) -> Result<(), EffectError> {
        Ok(self.effects.cards.stand(&self.every_account().await?, number, state).await?)
    }

    /// What was streamed to an own account since an instant, by days.
    pub(crate) async fn streamed(&self, account: Uuid, since: Timestamp) -> Result<Vec<StreamedDay>, Error> {
        history::streamed(self.effects.store.database(), self.user, account, since).await
    }

    /// One movement, as a list of at most one.
    pub(crate) async fn movement(&self, id: Uuid) -> Result<Movements, ModuleError> {
        history::one(self.effects.store.database(), &self.effects.modules.payments, self.user, id).await
    }

    /// The assets in which accounts can be opened.
    pub(crate) async fn assets(&self) -> Result<Vec<Asset>, AdminError> {
        let mut assets: Vec<Asset> = self
            .effects
            .admin
            .assets()
            .await?
            .into_iter()
            .filter_map(|record| Asset::new(&record.code, record.scale).ok())
            .collect();
        assets.sort_by(|one, other| one.code.as_str().cmp(other.code.as_str()));
        Ok(assets)
    }

    /// Opens an account with its wallet address.
    pub(crate) async fn open(&self, new: &NewAccount) -> Result<(), OpenError> {
        let name = new.name.trim();
        if name.is_empty() || check_line(name, NAME_MAX).is_err() {
            return Err(OpenError::Name);
        }
        if !is_path(&new.path) {
            return Err(OpenError::Path);
        }
        let Effects { store, book, addresses, admin, .. } = &self.effects;
        let ledger = store.ensure_asset(&new.asset).await?;
        book.open_asset(ledger).await.map_err(EffectError::from)?;
        let wanted = AccountRow {
            id: new.id,
            name: name.to_owned(),
            path: format!("accounts/{}", new.path),
            asset: new.asset.clone(),
            ledger,
            wallet_address_id: None,
            wallet_address_url: None,
        };
        // The path may be that of an address that the instance has and this wallet does not know.
        let url = addresses.url_of(&wanted.path);
        let known = self.account(new.id).await?.is_some();
        if !known && admin.wallet_address_by_url(&url).await.map_err(EffectError::from)?.is_some() {
            return Err(OpenError::PathTaken);
        }
        self.insert(&wanted).await?;
        book.open_customer(&wanted).await.map_err(EffectError::from)?;
        self.ensure_address(new.id).await?;
        Ok(())
    }

    async fn insert(&self, wanted: &AccountRow) -> Result<(), OpenError> {
        let transaction = self.effects.store.database().begin().await?;
        let count = "SELECT COUNT(*) FROM wallet_accounts WHERE user_id = $1 AND COALESCE(closing, '') <> 'closed'";
        let row = one(&transaction, count, [self.user.into()]).await?;
        let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose().map_err(Error::from)?.unwrap_or(0);
        let sql = "INSERT INTO wallet_accounts (id, name, path, asset_code, asset_scale, user_id)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let values = [
            wanted.id.into(),
            wanted.name.as_str().into(),
            wanted.path.as_str().into(),
            wanted.asset.code.as_str().into(),
            i64::from(wanted.asset.scale).into(),
            self.user.into(),
        ];
        let inserted = execute(&transaction, sql, values).await? > 0;
        if inserted && usize::try_from(count).unwrap_or(usize::MAX) >= ACCOUNTS_MAX {
            return Err(OpenError::TooMany);
        }
        transaction.commit().await?;
        if !inserted && self.account(wanted.id).await?.is_none() {
            return Err(OpenError::PathTaken);
        }
        Ok(())
    }

    /// Makes the wallet address of an own account, if it has none.
    pub(crate) async fn ensure_address(&self, id: Uuid) -> Result<(), EffectError> {
        let Some(held) = self.account(id).await? else { return Ok(()) };
        self.effects.addresses.ensure(&self.effects.store, &self.effects.admin, &held.account).await
    }

    /// Play money for an own account, once for each `cause`. `None` if it is too much, or not an own account.
    pub(crate) async fn top_up(&self, id: Uuid, cause: Uuid, amount: u64) -> Result<Option<()>, EffectError> {
        let Some(held) = self.account(id).await? else { return Ok(None) };
        let most = TOP_UP_MAX.saturating_mul(10_u64.saturating_pow(u32::from(held.account.asset.scale)));
        if amount == 0 || amount > most {
            return Ok(None);
        }
        match self.effects.book.top_up(&held.account, cause, amount).await {
            Ok(()) => {}
            // The same form was sent before with another amount.
            Err(BookError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let credit = Movement::credit(cause, id, Kind::TopUp, amount, self.effects.clock.now());
        history::record(self.effects.store.database(), &credit).await?;
        Ok(Some(()))
    }

    /// Where an address will be.
    pub(crate) fn address_base(&self) -> String {
        self.effects.addresses.url_of("accounts/")
    }
}

impl OpenError {
    /// The field of the form that has to be corrected.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Path | Self::PathTaken => "path",
            Self::Name => "name",
            Self::Asset | Self::TooMany | Self::Effect(_) => "asset",
        }
    }
}

fn is_path(path: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=PATH_MAX).contains(&path.len())
        && path.chars().all(|c| alphanumeric(c) || matches!(c, '.' | '-' | '_'))
        && path.starts_with(alphanumeric)
        && path.ends_with(alphanumeric)
        && !path.contains("..")
        && !RESERVED.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn an_address_has_plain_characters_and_no_reserved_name() {
        for good in ["alice", "a.b", "a-1_b", &"a".repeat(64)] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "ab", "Alice", "alice/", "-alice", "alice.", "a..b", "admin", "älice", &"a".repeat(65)] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
