use crate::{Alone, Error, Group};
use std::sync::Arc;
use std::time::Duration;

/// Who says which rank a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `RANK` and `WORLD_SIZE`: torchrun, Kubernetes's PyTorchJob, or a person.
    Variables,
    /// Slurm's `srun`.
    Slurm,
    /// Open MPI's `mpirun`.
    OpenMpi,
}

/// The names under which a source tells rank, number of processes, and rank on this machine.
struct Names {
    rank: &'static str,
    world_size: &'static str,
    local_rank: &'static str,
}

impl Source {
    const ALL: [Self; 3] = [Self::Variables, Self::Slurm, Self::OpenMpi];

    fn names(self) -> Names {
        let [rank, world_size, local_rank] = match self {
            Self::Variables => ["RANK", "WORLD_SIZE", "LOCAL_RANK"],
            Self::Slurm => ["SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"],
            Self::OpenMpi => [
                "OMPI_COMM_WORLD_RANK",
                "OMPI_COMM_WORLD_SIZE",
                "OMPI_COMM_WORLD_LOCAL_RANK",
            ],
        };
        Names {
            rank,
            world_size,
            local_rank,
        }
    }

    /// Whether the variables that there are say that this source has started the process.
    fn is_told(self, told: &dyn Fn(&str) -> Option<String>) -> bool {
        let names = self.names();
        match self {
            Self::Variables => told(names.rank).is_some() || told(names.world_size).is_some(),
            // A batch script has them, too, and is one process: only what `srun` starts is a step, or has been told where to meet.
            Self::Slurm => {
                told(names.rank).is_some()
                    && ["SLURM_STEP_ID", ADDRESS].iter().any(|name| told(name).is_some())
            }
            Self::OpenMpi => told(names.rank).is_some(),
        }
    }
}

const ADDRESS: &str = "MASTER_ADDR";
const PORT: &str = "MASTER_PORT";
const TIMEOUT: &str = "MARQUE_DIST_TIMEOUT";
const MEETING: &str = "it says where the processes meet, and is the same for all of them";

/// How this process was started among others: its place, and where they meet.
///
/// The environment is that of torchrun; five variables do: `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`. Where
/// the first two are absent, Slurm's or Open MPI's names of them count. `LOCAL_RANK` is the rank otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Who said which rank it is.
    pub source: Source,
    /// The number of this process, from 0.
    pub rank: usize,
    /// How many processes there are, at least 1.
    pub world_size: usize,
    /// The number of this process among those of its machine, from 0: that of its GPU.
    pub local_rank: usize,
    /// The host at which the processes meet; rank 0 runs there.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the launcher serves that port (torchrun does); otherwise rank 0 does.
    pub is_served: bool,
    /// How many times the launcher has started the processes anew.
    pub restart: u64,
    /// How long an operation waits for another process: 30 minutes, as in PyTorch, unless `MARQUE_DIST_TIMEOUT` has another number of
    /// seconds. That a process has ended is noticed at once.
    pub timeout: Duration,
}

impl Launch {
    /// What the environment of this process says; `None` if it says nothing of several processes.
    ///
    /// # Errors
    /// [`Error::Variable`] and [`Error::Missing`].
    pub fn from_environment() -> Result<Option<Self>, Error> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// As [`from_environment`](Self::from_environment), of variables that `told` answers for.
    ///
    /// # Errors
    /// [`Error::Variable`] and [`Error::Missing`].
    ///
    /// ```
    /// use marque_dist::Launch;
    ///
    /// let told = |name: &str| {
    ///     let value = match name {
    ///         "RANK" => "1",
    ///         "WORLD_SIZE" => "4",
    ///         "MASTER_ADDR" => "10.0.0.7",
    ///         "MASTER_PORT" => "29500",
    ///         _ => return None,
    ///     };
    ///     Some(value.to_owned())
    /// };
    /// let launch = Launch::from_variables(&told)?.unwrap();
    /// assert_eq!((launch.rank, launch.world_size, launch.local_rank), (1, 4, 1));
    /// assert_eq!(Launch::from_variables(&|_| None)?, None);
    /// # Ok::<(), marque_dist::Error>(())
    /// ```
    pub fn from_variables(told: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        let Some(source) = Source::ALL.into_iter().find(|source| source.is_told(told)) else {
            return Ok(None);
        };
        let names = source.names();
        let missing = |missing, beside, why| Error::Missing { missing, beside, why };
        const PLACE: &str = "both together say which of how many processes this is";
        let world_size = number(told, names.world_size)?;
        let world_size = world_size.ok_or_else(|| missing(names.world_size, names.rank, PLACE))?;
        let rank = number(told, names.rank)?;
        let rank = rank.ok_or_else(|| missing(names.rank, names.world_size, PLACE))?;
        if world_size == 0 {
            return Err(wrong(names.world_size, "a number of at least 1", world_size));
        }
        if rank >= world_size {
            let expected = format!("below {}, which is {world_size}", names.world_size);
            return Err(wrong(names.rank, expected, rank));
        }
        let is_alone = world_size == 1;
        let host = told(ADDRESS).filter(|host| !host.is_empty());
        let port = number(told, PORT)?;
        if !is_alone && host.is_none() {
            return Err(missing(ADDRESS, names.rank, MEETING));
        }
        if !is_alone && port.is_none() {
            return Err(missing(PORT, names.rank, MEETING));
        }
        let port = port.unwrap_or(0);
        let seconds = number(told, TIMEOUT)?;
        if seconds == Some(0) {
            return Err(wrong(TIMEOUT, "a number of seconds of at least 1", 0));
        }
        Ok(Some(Self {
            source,
            rank,
            world_size,
            local_rank: number(told, names.local_rank)?.unwrap_or(rank),
            host: host.unwrap_or_default(),
            port: u16::try_from(port).map_err(|_| wrong(PORT, "a port, at most 65535", port))?,
            is_served: told("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True"),
            restart: number(told, "TORCHELASTIC_RESTART_COUNT")?.unwrap_or(0) as u64,
            timeout: seconds.map_or(Duration::from_mins(30), |seconds| {
                Duration::from_secs(seconds as u64)
            }),
        }))
    }

    /// The group of these processes, when all of them have come: [`Alone`] for one.
    ///
    /// The network is the one over which a machine reaches the address where they meet; `GLOO_SOCKET_IFNAME` names another interface, as
    /// for PyTorch.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] for several processes without the feature `distributed`; [`Error::Connect`] if they do not find each
    /// other within the [`timeout`](Self::timeout).
    pub fn connect(&self) -> Result<Arc<dyn Group>, Error> {
        if self.world_size == 1 {
            return Ok(Arc::new(Alone));
        }
        self.connected()
    }

    #[cfg(feature = "distributed")]
    fn connected(&self) -> Result<Arc<dyn Group>, Error> {
        Ok(Arc::new(crate::c10d::C10d::connect(self)?))
    }

    #[cfg(not(feature = "distributed"))]
    fn connected(&self) -> Result<Arc<dyn Group>, Error> {
        Err(Error::NotBuilt {
            beside: self.source.names().world_size,
            world_size: self.world_size,
        })
    }
}

fn wrong(name: &'static str, expected: impl Into<String>, found: impl ToString) -> Error {
    Error::Variable {
        name,
        expected: expected.into(),
        found: found.to_string(),
    }
}

fn number(told: &dyn Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<usize>, Error> {
    let Some(text) = told(name) else {
        return Ok(None);
    };
    match text.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(wrong(name, "a number of at least 0", format!("{text:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(variables: &[(&str, &str)]) -> Result<Option<Launch>, Error> {
        Launch::from_variables(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const MEETING_PLACE: [(&str, &str); 2] = [("MASTER_ADDR", "node0"), ("MASTER_PORT", "29400")];

    #[test]
    fn torchrun_is_understood() {
        let variables = [
            ("RANK", "5"),
            ("WORLD_SIZE", "8"),
            ("LOCAL_RANK", "1"),
            ("MASTER_ADDR", "node0"),
            ("MASTER_PORT", "29400"),
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
            ("MARQUE_DIST_TIMEOUT", "90"),
            // Those who started torchrun are not asked.
            ("SLURM_PROCID", "0"),
            ("SLURM_NTASKS", "2"),
        ];
        let expected = Launch {
            source: Source::Variables,
            rank: 5,
            world_size: 8,
            local_rank: 1,
            host: "node0".to_owned(),
            port: 29400,
            is_served: true,
            restart: 2,
            timeout: Duration::from_secs(90),
        };
        assert_eq!(launch(&variables).unwrap(), Some(expected));
    }

    #[test]
    fn slurm_and_open_mpi_say_which_rank_it_is() {
        for (source, names) in [
            (Source::Slurm, ["SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"]),
            (
                Source::OpenMpi,
                [
                    "OMPI_COMM_WORLD_RANK",
                    "OMPI_COMM_WORLD_SIZE",
                    "OMPI_COMM_WORLD_LOCAL_RANK",
                ],
            ),
        ] {
            let place = [(names[0], "3"), (names[1], "4"), (names[2], "1")];
            let found = launch(&[&place[..], &MEETING_PLACE].concat()).unwrap().unwrap();
            assert_eq!(found.source, source);
            assert_eq!((found.rank, found.world_size, found.local_rank), (3, 4, 1));
            assert_eq!((found.host.as_str(), found.port), ("node0", 29400));
            assert_eq!(found.timeout, Duration::from_mins(30));
            assert!(!found.is_served);
        }
    }

    #[test]
    fn a_batch_script_of_slurm_is_one_process() {
        let script = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "16")];
        assert_eq!(launch(&script).unwrap(), None);
        let step = [&script[..], &[("SLURM_STEP_ID", "0")]].concat();
        let refused = launch(&step).unwrap_err().to_string();
        assert_eq!(
            refused,
            "MASTER_ADDR is not set, though SLURM_PROCID is: it says where the processes meet, and is the same for all of them"
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let two = [("RANK", "1"), ("WORLD_SIZE", "2")];
        for (variables, expected) in [
            (vec![("RANK", "1")], "WORLD_SIZE is not set, though RANK is"),
            (vec![("WORLD_SIZE", "2")], "RANK is not set, though WORLD_SIZE is"),
            (two.to_vec(), "MASTER_ADDR is not set, though RANK is"),
            (
                [&two[..], &MEETING_PLACE[..1]].concat(),
                "MASTER_PORT is not set, though RANK is",
            ),
            (
                vec![("RANK", "2"), ("WORLD_SIZE", "2")],
                "RANK is 2, expected below WORLD_SIZE, which is 2",
            ),
            (
                vec![("RANK", "-1"), ("WORLD_SIZE", "2")],
                "RANK is \"-1\", expected a number of at least 0",
            ),
            (
                vec![("RANK", "0"), ("WORLD_SIZE", "0")],
                "WORLD_SIZE is 0, expected a number of at least 1",
            ),
            (
                [&two[..], &[("MASTER_ADDR", "a"), ("MASTER_PORT", "70000")]].concat(),
                "MASTER_PORT is 70000, expected a port, at most 65535",
            ),
            (
                [&two[..], &MEETING_PLACE, &[("MARQUE_DIST_TIMEOUT", "0")]].concat(),
                "MARQUE_DIST_TIMEOUT is 0, expected a number of seconds of at least 1",
            ),
        ] {
            let refused = launch(&variables).unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{refused}");
        }
    }

    #[test]
    fn one_process_needs_no_meeting_place_and_is_alone() {
        let found = launch(&[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap().unwrap();
        assert_eq!(found.connect().unwrap().world_size(), 1);
        assert_eq!(launch(&[]).unwrap(), None);
    }

    #[cfg(not(feature = "distributed"))]
    #[test]
    fn several_processes_need_the_feature() {
        let two = [("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2")];
        let found = launch(&[&two[..], &MEETING_PLACE].concat()).unwrap().unwrap();
        let refused = found.connect().unwrap_err().to_string();
        assert!(
            refused.starts_with("SLURM_NTASKS says that this is one of 2 processes"),
            "{refused}"
        );
        assert!(refused.contains("--features distributed"), "{refused}");
    }
}
