//! A program that ends when we do.
//!
//! Each program runs under a small shell, its supervisor, in a process group of their own. We hold
//! the write end of a pipe that the supervisor reads: a line on it is the name of a signal for the
//! program; its end, which the kernel sees to even when this process is killed, means that the
//! whole group is killed. So nothing is left behind, whatever happens to us, and no id is ever
//! signalled after its process was reaped: the supervisor is the parent and reaps it itself.
//!
//! The group also takes along what the program started (Keycloak's start script does not become
//! Java, it waits for it), and a Ctrl-C in the terminal reaches only us.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::deadline::eventually_blocking;

mod log;
mod usage;

pub use log::tail;

/// Background jobs of a shell get /dev/null as standard input, therefore descriptor 3. The
/// program's own output goes to the log, which is the supervisor's standard error; the supervisor's
/// standard output tells us the program's id and exit code.
const SUPERVISOR: &str = r#"
exec 3<&0 0</dev/null
"$@" 3<&- 1>&2 &
program=$!
(
  exec 1>&2
  while read -r signal; do kill -s "$signal" "$program"; done <&3
  kill -s KILL 0
) &
echo "$program"
exec 3<&-
wait "$program"
echo "$?"
kill -s KILL 0
"#;

/// What to start, and how.
#[derive(Debug)]
pub struct Program {
    name: String,
    command: Command,
    log: PathBuf,
}

impl Program {
    /// `name` stands in error messages; `program` is a path or is looked up in `PATH`; output of
    /// both kinds is appended to the file `log`.
    pub fn new(
        name: impl Into<String>,
        program: impl AsRef<OsStr>,
        log: impl Into<PathBuf>,
    ) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SUPERVISOR, "obolus-supervisor"]).arg(program);
        Self { name: name.into(), command, log: log.into() }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets environment variables.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Drops the environment that the program would inherit, except `PATH` and `HOME`.
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        let kept = |name: &str| std::env::var_os(name).map(|value| (OsString::from(name), value));
        self.command.envs(["PATH", "HOME"].into_iter().filter_map(kept));
        self
    }

    /// Sets the working directory.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Starts the program.
    ///
    /// A program that cannot be executed has "exited" with code 126 or 127, as a shell says it.
    pub fn start(mut self) -> Result<Process> {
        let log =
            File::options().create(true).append(true).open(&self.log).with_context(|| {
                format!("cannot write {}'s log {}", self.name, self.log.display())
            })?;
        let mut supervisor = self
            .command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let control = supervisor.stdin.take().context("no pipe to the supervisor")?;
        let report = supervisor.stdout.take().context("no pipe from the supervisor")?;
        let mut process = Process {
            name: self.name,
            log: self.log,
            pid: 0,
            exit_code: None,
            control: Some(control),
            report: BufReader::new(report),
            supervisor,
        };
        process.pid = process
            .next_report()?
            .with_context(|| format!("{}'s supervisor ended at once", process.name))?;
        Ok(process)
    }
}

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    pid: u32,
    exit_code: Option<i32>,
    /// `None` once the group was killed.
    control: Option<ChildStdin>,
    report: BufReader<ChildStdout>,
    supervisor: Child,
}

impl Process {
    /// The name given at the start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The program's own process id (not the supervisor's), as in `/proc`.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit code if the program has ended, 128 + n when signal n ended it.
    pub fn exited(&mut self) -> Result<Option<i32>> {
        if self.exit_code.is_none() && self.supervisor.try_wait()?.is_some() {
            // No code was reported when the group was killed as a whole.
            let killed = 128 + 9;
            self.exit_code =
                Some(self.next_report()?.and_then(|c| c.try_into().ok()).unwrap_or(killed));
        }
        Ok(self.exit_code)
    }

    /// An error that shows the end of the log if the program has ended: for readiness polls.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.exited()? {
            None => Ok(()),
            Some(code) => Err(crate::deadline::hopeless(format!(
                "{} ended with exit code {code}\n{}",
                self.name,
                self.log_tail()
            ))),
        }
    }

    /// Waits for the program to end by itself and returns its exit code.
    pub fn wait(&mut self, within: Duration) -> Result<i32> {
        let what = format!("the end of {}", self.name);
        eventually_blocking(&what, within, || {
            self.exited()?.with_context(|| format!("process {} still runs", self.pid))
        })
        .with_context(|| self.log_tail())
    }

    /// Sends a signal by its name without `SIG`: `TERM`, `HUP`, `USR1`, `STOP`.
    pub fn signal(&mut self, name: &str) -> Result<()> {
        let Some(control) = &mut self.control else { bail!("{} was killed", self.name) };
        writeln!(control, "{name}").with_context(|| format!("{} has ended", self.name))
    }

    /// Asks the program to end, waits for at most `grace`, and kills it then.
    pub fn stop(&mut self, grace: Duration) -> Result<i32> {
        if let Some(code) = self.exited()? {
            return Ok(code);
        }
        // Both may fail because the program has ended meanwhile, which is what is wanted.
        let _already_gone = self.signal("TERM");
        if self.wait(grace).is_err() {
            self.kill();
        }
        self.wait(Duration::from_secs(10))
    }

    /// Kills the program and everything it started, and waits until they are gone.
    pub fn kill(&mut self) {
        drop(self.control.take());
        let gone = eventually_blocking("a killed process", Duration::from_secs(5), || {
            self.supervisor.try_wait()?.context("the supervisor still runs")
        });
        if gone.is_err() {
            // Somebody must have killed the part of the supervisor that watches the pipe.
            let _ended = self.supervisor.kill().and_then(|()| self.supervisor.wait());
        }
    }

    /// The log file.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The whole log, of all programs that were started with this file.
    pub fn log(&self) -> String {
        log::read(&self.log)
    }

    /// The last lines of the log under a heading, for error messages.
    pub fn log_tail(&self) -> String {
        log::tail(&self.log, 30)
    }

    fn next_report(&mut self) -> Result<Option<u32>> {
        let mut line = String::new();
        self.report.read_line(&mut line)?;
        Ok(line.trim().parse().ok())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end, its output appended to `log`; an error shows the end of that.
pub fn run(command: &mut Command, log: &Path) -> Result<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let file = File::options().create(true).append(true).open(log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown} failed: {status}\n{}", tail(log, 40));
    }
    Ok(())
}
