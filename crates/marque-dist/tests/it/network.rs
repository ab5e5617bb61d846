//! A group over a network: two network namespaces with a cable between them that carries 1 Gbit/s.

use crate::rank;
use marque_testkit::ranks::Ranks;
use marque_testkit::skip;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two ends of a virtual cable, each in a namespace of its own. They go when this does.
struct Cable {
    names: [String; 2],
}

const ADDRESSES: [&str; 2] = ["10.77.0.1", "10.77.0.2"];
/// What each end takes the name of the first one for. Debian's machines have a loopback address for themselves.
const HOSTS: [&str; 2] = ["127.0.1.1 first\n", "10.77.0.1 first\n"];

/// The files that lie over those of `/etc` in a namespace.
fn files(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}

fn call(program: &str, arguments: &[&str]) -> Result<(), String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{program} {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

impl Cable {
    fn laid() -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("mq{}{end}", std::process::id()));
        let cable = Self { names };
        let [a, b] = [&cable.names[0][..], &cable.names[1][..]];
        for (name, hosts) in cable.names.iter().zip(HOSTS) {
            call("ip", &["netns", "add", name])?;
            let written = std::fs::create_dir_all(files(name))
                .and_then(|()| std::fs::write(files(name).join("hosts"), hosts));
            written.map_err(|error| format!("{}: {error}", files(name).display()))?;
        }
        let ends = [
            "link", "add", a, "netns", a, "type", "veth", "peer", "name", b, "netns", b,
        ];
        call("ip", &ends)?;
        for (name, address) in [a, b].into_iter().zip(ADDRESSES) {
            let address = format!("{address}/24");
            call("ip", &["-n", name, "addr", "add", &address, "dev", name])?;
            call("ip", &["-n", name, "link", "set", "lo", "up"])?;
            call("ip", &["-n", name, "link", "set", name, "up"])?;
            let width = [
                "netns", "exec", name, "tc", "qdisc", "add", "dev", name, "root", "tbf", "rate", "1gbit",
                "burst", "1mb", "latency", "50ms",
            ];
            call("ip", &width)?;
        }
        Ok(cable)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            // One that was not made cannot go.
            let _ = call("ip", &["netns", "del", name]);
            let _ = std::fs::remove_dir_all(files(name));
        }
    }
}

#[test]
fn a_group_stretches_over_two_networks() {
    let cable = match Cable::laid() {
        Ok(cable) => cable,
        Err(reason) => return skip(&format!("no network namespaces with iproute2 here: {reason}")),
    };
    // By the way to the address or the name of the first rank, and by a name that each machine gives its interface.
    for (first, names_interface) in [(ADDRESSES[0], false), ("first", false), (ADDRESSES[0], true)] {
        let ended = Ranks::start(2, |rank| {
            let program = rank::command("sums");
            let name = &cable.names[rank];
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name, "env"]);
            command.arg(format!("MASTER_ADDR={first}"));
            if names_interface {
                command.arg(format!("GLOO_SOCKET_IFNAME={name}"));
            }
            command.arg(program.get_program()).args(program.get_args());
            for (name, value) in program.get_envs() {
                command.env(name, value.unwrap_or_default());
            }
            command
        })
        .wait();
        for ended in &ended {
            assert!(
                ended.status.success() && ended.output.contains("done"),
                "{}",
                ended.output
            );
        }
    }
}
