//! A command that a person runs beside services, in the terminal where they are.

use crate::MARKS;
use crate::pidfd::Pidfd;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use tokio::io::unix::AsyncFd;

/// One that runs. It is in the process group of whoever started it, so Ctrl-C reaches both.
#[derive(Debug)]
pub struct Foreground {
    child: Child,
    pidfd: AsyncFd<Pidfd>,
}

impl Foreground {
    /// Starts it where this process is, with these variables over this process's own. Within a
    /// runtime.
    ///
    /// # Errors
    /// When it cannot be executed, or not be waited for; then it does not run.
    pub fn start(argv: &[OsString], env: &BTreeMap<OsString, OsString>) -> io::Result<Self> {
        let [program, args @ ..] = argv else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut command = Command::new(program);
        command.args(args).envs(env);
        // It is no part of a service, even where this process is.
        for mark in MARKS {
            command.env_remove(mark);
        }
        let mut child = command.spawn()?;
        // It is not reaped before `ended`, so its number is nobody else's.
        let watched = Pidfd::open(child.id()).and_then(|pidfd| match pidfd {
            Some(pidfd) => pidfd.watch(),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        match watched {
            Ok(pidfd) => Ok(Self { child, pidfd }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let _ = self.pidfd.get_ref().signal(libc::SIGTERM);
    }

    /// Ends it.
    pub fn kill(&self) {
        let _ = self.pidfd.get_ref().signal(libc::SIGKILL);
    }

    /// Waits for its end. Returns its exit code; 128 and the number of a signal that ended it, as a
    /// shell says it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn ended(&mut self) -> io::Result<u8> {
        self.pidfd.readable().await?.retain_ready();
        let status = self.child.wait()?;
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(words: &[&str]) -> Foreground {
        let argv: Vec<OsString> = words.iter().map(Into::into).collect();
        let env = BTreeMap::from([("SAID".into(), "7".into())]);
        Foreground::start(&argv, &env).unwrap()
    }

    #[tokio::test]
    async fn its_code_is_its_own_and_that_of_a_signal_as_a_shell_says_it() {
        assert_eq!(start(&["sh", "-c", "exit $SAID"]).ended().await.unwrap(), 7);
        let mut hanging = start(&["sh", "-c", "trap '' TERM; kill -TERM $$; exec sleep 1000"]);
        hanging.kill();
        assert_eq!(hanging.ended().await.unwrap(), 137);
        let mut asked = start(&["sleep", "1000"]);
        asked.terminate();
        assert_eq!(asked.ended().await.unwrap(), 143);
        let none = Foreground::start(&["/no/such/program".into()], &BTreeMap::new());
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
