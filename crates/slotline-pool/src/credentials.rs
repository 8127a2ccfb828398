//! Who a pool is to its server.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use slotline_resp::{CommandBuffer, Commands};
use tokio::sync::watch;

use crate::hook::HookError;

/// Who the pool is to the server. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) user: Option<Box<str>>,
    pub(crate) password: Box<str>,
}

impl Credentials {
    /// A user and a password; without a user the server's `default` user, which
    /// is what a lone password (`requirepass`) belongs to.
    #[must_use]
    pub fn new(user: Option<&str>, password: impl Into<Box<str>>) -> Credentials {
        Credentials {
            user: user.map(Into::into),
            password: password.into(),
        }
    }

    /// [`AUTH`](https://redis.io/docs/latest/commands/auth/), the user left out
    /// where there is none, as servers before version 6 want it.
    pub(crate) fn auth(&self) -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("AUTH");
        if let Some(user) = &self.user {
            buffer.arg(&**user);
        }
        buffer.arg(&*self.password);
        buffer.freeze()
    }
}

/// A server's own words without what they may repeat of a command.
pub(crate) fn redacted(line: &str, credentials: Option<&Credentials>) -> String {
    let line = line.split(", with args").next().unwrap_or(line);
    match credentials.map(|it| &*it.password) {
        Some(password) if !password.is_empty() => line.replace(password, "…"),
        _ => line.to_owned(),
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A boxed future, as [`CredentialsProvider::credentials`] returns it.
pub type CredentialsFuture = Pin<Box<dyn Future<Output = Result<Credentials, HookError>> + Send>>;

/// Says who a pool is to the server, anew at every dial, so that a password that
/// is rotated or a token that expires is never asked for twice.
///
/// Implemented for [`Credentials`] that stay the same; for closures that return a
/// future, such as one that fetches a token; and for a
/// [`watch::Receiver`](tokio::sync::watch::Receiver), whose sender rotates them:
/// connections that are open are then authenticated anew.
///
/// ```
/// use slotline_pool::{Credentials, Pool};
/// use tokio::sync::watch;
///
/// let (rotate, current) = watch::channel(Credentials::new(Some("app"), "sesame"));
/// let pool = Pool::builder("localhost:6379".parse()?)
///     .credentials(current)
///     .build();
/// // Later: for every dial from now on, and for the connections that there are.
/// rotate.send_replace(Credentials::new(Some("app"), "sesame2"));
/// # Ok::<(), slotline_pool::Error>(())
/// ```
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials as of now. It has the time of the connect timeout, which
    /// also covers what comes after it; it may be dropped at any point. An error
    /// makes the dial fail, in the step `credentials`.
    fn credentials(&self) -> CredentialsFuture;

    /// Tells when there are others: connections that are open are then
    /// authenticated anew, with what [`credentials`](Self::credentials) gives. By
    /// default nothing does, and
    /// [`Pool::reauthenticate`](crate::Pool::reauthenticate) is the way to say so.
    fn changes(&self) -> Option<watch::Receiver<Credentials>> {
        None
    }
}

impl CredentialsProvider for Credentials {
    fn credentials(&self) -> CredentialsFuture {
        let credentials = self.clone();
        Box::pin(async move { Ok(credentials) })
    }
}

impl CredentialsProvider for watch::Receiver<Credentials> {
    fn credentials(&self) -> CredentialsFuture {
        let credentials = self.borrow().clone();
        Box::pin(async move { Ok(credentials) })
    }

    fn changes(&self) -> Option<watch::Receiver<Credentials>> {
        Some(self.clone())
    }
}

/// Shared between pools.
impl CredentialsProvider for Arc<dyn CredentialsProvider> {
    fn credentials(&self) -> CredentialsFuture {
        (**self).credentials()
    }

    fn changes(&self) -> Option<watch::Receiver<Credentials>> {
        (**self).changes()
    }
}

impl<F, R> CredentialsProvider for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Credentials, HookError>> + Send + 'static,
{
    fn credentials(&self) -> CredentialsFuture {
        Box::pin(self())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_told_without_the_password() {
        let credentials = Credentials::new(None, "s3same");
        for (line, shown) in [
            ("WRONGPASS invalid", "WRONGPASS invalid"),
            ("ERR unknown command 's3same'", "ERR unknown command '…'"),
            (
                "ERR unknown command `AUTH`, with args beginning with: `x`",
                "ERR unknown command `AUTH`",
            ),
        ] {
            assert_eq!(redacted(line, Some(&credentials)), shown);
        }
        let empty = Credentials::new(None, "");
        for credentials in [None, Some(&empty)] {
            assert_eq!(redacted("ERR no, with args: x", credentials), "ERR no");
        }
    }

    #[test]
    fn auth_has_a_user_only_if_there_is_one() {
        for (user, sent) in [
            (None, &b"*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n"[..]),
            (Some("me"), b"*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$1\r\np\r\n"),
        ] {
            assert_eq!(Credentials::new(user, "p").auth().to_vec(), sent);
        }
    }
}
