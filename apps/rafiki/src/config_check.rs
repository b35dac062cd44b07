//! `rafiki config check`: reports every error that would keep the roles from starting or working.
//!
//! It reads databases and changes nothing there. It opens no port.

use std::time::Duration;

use clock::SystemEntropy;
use config::{
    Auth, Backend, CardService, ConfigError, Console, Disagreement, Environment, Notice, PointOfSale, Rates, Roles,
    Scope, Shop, Wallet, unknown_names,
};
use service_auth::ServiceRole;

use crate::cli::CheckOptions;
use crate::failure::Failure;
use crate::output::say;
use crate::places::Place;
use crate::role_name::RoleFile;
use crate::roles;

/// How long a cache may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The findings about one role.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    fn config(&mut self, error: ConfigError) {
        self.problems.extend(error.problems.into_iter().map(|problem| format!("{}: {}", problem.name, problem.reason)));
    }

    fn of(notices: Vec<Notice>) -> Self {
        let mut findings = Self::default();
        findings.notices(notices);
        findings
    }

    fn notices(&mut self, notices: Vec<Notice>) {
        self.warnings.extend(notices.into_iter().map(|Notice { name, text }| format!("{name} {text}")));
    }

    async fn places(&mut self, places: &[Place]) {
        for place in places {
            let Err(reason) = place.look().await else { continue };
            let text = format!("{}: {reason} ({} is {})", place.variable, place.what, place.url);
            if reason.may_pass() { self.warnings.push(text) } else { self.problems.push(text) }
        }
    }

    async fn cache(&mut self, redis: Option<&config::RedisSettings>) {
        let Some(redis) = redis else { return };
        let connected = tokio::time::timeout(ANSWER, roles::cache::connect(redis)).await;
        let told = match connected {
            Ok(Ok(_)) => return,
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("Redis does not answer within {} s", ANSWER.as_secs()),
        };
        self.warnings.push(format!("REDIS_URL: {told}"));
    }

    fn text(&self, name: &str) -> String {
        let warnings = match self.warnings.len() {
            0 => String::new(),
            1 => ", with 1 warning".to_owned(),
            n => format!(", with {n} warnings"),
        };
        let verdict = match self.problems.len() {
            0 => format!("good{warnings}"),
            1 => format!("1 problem{warnings}"),
            n => format!("{n} problems{warnings}"),
        };
        let mut text = format!("{name}: {verdict}\n");
        text.extend(self.problems.iter().map(|problem| format!("  problem  {problem}\n")));
        text.extend(self.warnings.iter().map(|warning| format!("  warning  {warning}\n")));
        text
    }
}

pub(crate) async fn run(options: &CheckOptions) -> Result<(), Failure> {
    let CheckOptions { roles: chosen, offline } = options;
    let all = RoleFile::usual();
    let chosen = if chosen.is_empty() { all.to_vec() } else { chosen.clone() };

    let mut together = Roles::default();
    let mut problems = 0;
    for role in &chosen {
        let environment = match &role.file {
            Some(file) => Environment::of_file(file)?,
            None => Environment::load()?,
        };
        let name = match &role.file {
            Some(file) => format!("{} ({})", role.role.as_str(), file.display()),
            None => role.role.as_str().to_owned(),
        };

        let mut findings = check(role.role, &name, &environment, *offline, &mut together).await;
        findings.notices(unknown_names(&environment, Scope::AllOfTheFile));
        problems += findings.problems.len();
        say(&findings.text(&name));
    }

    problems += compare(&together);
    match problems {
        0 => Ok(()),
        1 => Err(Failure::Check("1 problem in the configuration".to_owned())),
        n => Err(Failure::Check(format!("{n} problems in the configuration"))),
    }
}

/// Parses a role's section, adds it to the others, and checks the places that it names.
async fn check(
    role: ServiceRole,
    name: &str,
    environment: &Environment,
    offline: bool,
    together: &mut Roles,
) -> Findings {
    let checked = match role {
        ServiceRole::Backend => backend(name, environment, offline, together).await,
        ServiceRole::Auth => auth(name, environment, offline, together).await,
        ServiceRole::Wallet => wallet(name, environment, offline, together).await,
        ServiceRole::CardService => card_service(environment, offline).await,
        ServiceRole::PointOfSale => point_of_sale(environment, offline).await,
        ServiceRole::Console => console(environment),
        ServiceRole::Rates => rates(environment).await,
        ServiceRole::Shop => shop(environment, offline).await,
    };
    checked.unwrap_or_else(|error| {
        let mut findings = Findings::default();
        findings.config(error);
        findings
    })
}

async fn backend(
    name: &str,
    environment: &Environment,
    offline: bool,
    together: &mut Roles,
) -> Result<Findings, ConfigError> {
    let config = Backend::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if let Err(failure) = roles::backend::signer(&config, &SystemEntropy) {
        findings.problems.push(failure.to_string());
    }
    if !offline {
        findings.places(&Place::of_backend(&config)).await;
        findings.cache(config.redis.as_ref()).await;
    }
    together.backends.push((name.to_owned(), config));
    Ok(findings)
}

async fn auth(
    name: &str,
    environment: &Environment,
    offline: bool,
    together: &mut Roles,
) -> Result<Findings, ConfigError> {
    let config = Auth::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if !offline {
        findings.places(&Place::of_auth(&config)).await;
        findings.cache(config.redis.as_ref()).await;
    }
    together.auths.push((name.to_owned(), config));
    Ok(findings)
}

async fn wallet(
    name: &str,
    environment: &Environment,
    offline: bool,
    together: &mut Roles,
) -> Result<Findings, ConfigError> {
    let config = Wallet::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if let Err(failure) = roles::wallet::seed(&config) {
        findings.problems.push(format!("SEED_FILE_LOCATION: {failure}"));
    }
    if !offline {
        findings.places(&Place::of_wallet(&config)).await;
    }
    together.wallets.push((name.to_owned(), config));
    Ok(findings)
}

async fn card_service(environment: &Environment, offline: bool) -> Result<Findings, ConfigError> {
    let config = CardService::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if !offline {
        findings.places(&Place::of_card_service(&config)).await;
    }
    Ok(findings)
}

async fn point_of_sale(environment: &Environment, offline: bool) -> Result<Findings, ConfigError> {
    let config = PointOfSale::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if !offline {
        findings.places(&Place::of_point_of_sale(&config)).await;
    }
    Ok(findings)
}

async fn shop(environment: &Environment, offline: bool) -> Result<Findings, ConfigError> {
    let config = Shop::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if !offline {
        findings.places(&Place::of_shop(&config)).await;
    }
    Ok(findings)
}

fn console(environment: &Environment) -> Result<Findings, ConfigError> {
    let config = Console::from_environment(environment)?;
    Ok(Findings::of(config.notices.clone()))
}

async fn rates(environment: &Environment) -> Result<Findings, ConfigError> {
    let config = Rates::from_environment(environment)?;
    let mut findings = Findings::of(config.notices.clone());
    if let Err(failure) = roles::rates::service(&config.file).await {
        findings.problems.push(failure.to_string());
    }
    Ok(findings)
}

/// Reports conflicts between roles. Returns the number of errors.
fn compare(together: &Roles) -> usize {
    let mut findings = Findings::default();
    for disagreement in together.disagreements() {
        match disagreement {
            Disagreement::Broken(text) => findings.problems.push(text),
            Disagreement::Doubtful(text) => findings.warnings.push(text),
        }
    }
    if together.backends.len() + together.auths.len() + together.wallets.len() > 1 {
        say(&findings.text("together"));
    }
    findings.problems.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_counts_problems_and_warnings() {
        let some = |n: usize| vec!["x".to_owned(); n];
        let text = |problems, warnings| {
            let findings = Findings { problems: some(problems), warnings: some(warnings) };
            findings.text("backend").lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(text(0, 0), "backend: good");
        assert_eq!(text(0, 1), "backend: good, with 1 warning");
        assert_eq!(text(0, 2), "backend: good, with 2 warnings");
        assert_eq!(text(2, 1), "backend: 2 problems, with 1 warning");
    }
}
