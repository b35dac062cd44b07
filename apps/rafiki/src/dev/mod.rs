//! The playground: two institutions and what they tell other commands about themselves (localenv).

pub(crate) mod session;
