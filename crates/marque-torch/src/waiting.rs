//! What LibTorch's threads do while they wait for each other.

use std::fmt;

/// The variables that LibTorch's OpenMP library reads, the one that wins first: GNU's on Linux, LLVM's elsewhere. What is said
/// to the other library is not heard.
const VARIABLES: [&str; 2] = if cfg!(target_os = "linux") {
    ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"]
} else {
    ["KMP_BLOCKTIME", "OMP_WAIT_POLICY"]
};

/// What LibTorch's OpenMP threads do while they wait for each other at the end of an operation, as this process was told by
/// its environment.
///
/// By default they spin, each on its core, for the fraction of a millisecond that the others are expected to take. Where one
/// of the others has to wait for its core, because another program uses it, all of them spin until it is done: two trainings
/// on the same two cores then run at half of what each would get by itself on half of the machine, or worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing was said: they spin.
    Default,
    /// What a variable says: `OMP_WAIT_POLICY=passive`, for example, has them sleep at once.
    Told {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
}

impl Waiting {
    /// As the environment of this process has it.
    pub fn of_this_process() -> Self {
        let told = VARIABLES.iter().find_map(|&variable| {
            let value = std::env::var_os(variable)?.to_string_lossy().into_owned();
            Some(Self::Told { variable, value })
        });
        told.unwrap_or(Self::Default)
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("spin, as nothing else was said"),
            Self::Told { variable, value } => write!(formatter, "{variable}={value}"),
        }
    }
}

/// What is set where nothing was said.
const BRIEFLY: (&str, &str) = if cfg!(target_os = "linux") {
    ("GOMP_SPINCOUNT", "1000")
} else {
    ("OMP_WAIT_POLICY", "passive")
};

/// Has LibTorch's threads sleep after they have waited for some microseconds, unless the environment says otherwise
/// (`OMP_WAIT_POLICY`, or `GOMP_SPINCOUNT` on Linux and `KMP_BLOCKTIME` elsewhere). Gives what was said before.
///
/// Threads that sleep at once have to be woken for every operation, and threads that spin for long take the cores from those
/// that they wait for. In between, with `GOMP_SPINCOUNT=1000`, a training alone is about as fast as with the library's own
/// 300,000, and much faster beside another one: see `docs/benchmarks.md`.
///
/// Programs call it first in `main`, before there are threads or open files. The OpenMP library reads its settings once, when
/// the system loads it, which is before `main`: so this sets the variable and **starts the program once more in its own
/// place** (the same process, with the same arguments and streams; LibTorch is loaded once more). Where that cannot be done, it
/// changes nothing, and the threads spin. It is a setting of the whole process, and of the programs that it starts, which is
/// why no other function of this crate calls it.
///
/// ```no_run
/// // The first line of `main`.
/// marque_torch::wait_briefly();
/// println!("threads that wait: {}", marque_torch::Waiting::of_this_process());
/// ```
pub fn wait_briefly() -> Waiting {
    let waiting = Waiting::of_this_process();
    if waiting == Waiting::Default {
        restart();
    }
    waiting
}

/// Comes back only where it fails.
#[cfg(unix)]
fn restart() {
    use std::os::unix::process::CommandExt;
    let mut arguments = std::env::args_os();
    let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) else {
        return;
    };
    let mut command = std::process::Command::new(program);
    command.arg0(name).args(arguments);
    let (variable, value) = BRIEFLY;
    // The program goes on as it is: slower beside others, which is no reason to stop it.
    let _failed = command.env(variable, value).exec();
}

#[cfg(not(unix))]
fn restart() {}
