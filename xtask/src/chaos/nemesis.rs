//! What can be done to a cluster, and in which order a run does it.

use std::str::FromStr;

use anyhow::{Error, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::keyspace::SHARDS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nemesis {
    Kill,
    Stop,
    Blink,
    Failover,
    Force,
    Takeover,
    BlackHole,
    Partition,
    Split,
    Reshard,
    ClientKill,
    Cuts,
    Delay,
    Cancel,
}

/// What is done at the same time, each to a shard of its own or to one that is not
/// hurt otherwise.
pub(super) type Attack = Vec<(Nemesis, usize)>;

impl Nemesis {
    pub(super) const ALL: [Self; 14] = [
        Self::Kill,
        Self::Stop,
        Self::Blink,
        Self::Failover,
        Self::Force,
        Self::Takeover,
        Self::BlackHole,
        Self::Partition,
        Self::Split,
        Self::Reshard,
        Self::ClientKill,
        Self::Cuts,
        Self::Delay,
        Self::Cancel,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Blink => "blink",
            Self::Failover => "failover",
            Self::Force => "force",
            Self::Takeover => "takeover",
            Self::BlackHole => "blackhole",
            Self::Partition => "partition",
            Self::Split => "split",
            Self::Reshard => "reshard",
            Self::ClientKill => "client-kill",
            Self::Cuts => "cuts",
            Self::Delay => "delay",
            Self::Cancel => "cancel",
        }
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL of a primary, and a restart once its replica has taken over",
            Self::Stop => "SIGSTOP of a primary until its replica has taken over, then SIGCONT",
            Self::Blink => "SIGSTOP of a primary and SIGCONT before anyone takes over",
            Self::Failover => "CLUSTER FAILOVER",
            Self::Force => "CLUSTER FAILOVER FORCE",
            Self::Takeover => "CLUSTER FAILOVER TAKEOVER",
            Self::BlackHole => "the proxy of a primary swallows everything, both ways",
            Self::Partition => "the same, and its replica is made the primary by TAKEOVER",
            Self::Split => {
                "a primary is cut off from all other nodes, not from clients, until its \
                 replica has been elected"
            }
            Self::Reshard => "slots in use move to another shard, key by key, and back",
            Self::ClientKill => "CLIENT KILL of the client's connections to a primary",
            Self::Cuts => "the proxy of a primary cuts connections after some bytes",
            Self::Delay => "the proxy of a primary delays everything, both ways",
            Self::Cancel => "callers leave at random moments",
        }
    }

    /// Whether it leaves the primary where it is and needs no time to be overcome.
    fn is_light(self) -> bool {
        matches!(
            self,
            Self::ClientKill | Self::Cuts | Self::Delay | Self::Cancel | Self::Reshard
        )
    }
}

impl FromStr for Nemesis {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|nemesis| nemesis.name() == name);
        let Some(known) = known else {
            let names = Self::ALL.map(Self::name).join(", ");
            bail!("there is no nemesis {name}; there are {names}");
        };
        Ok(known)
    }
}

/// The attacks of one round over all that are `wanted`: each alone, and each heavy
/// one again with light ones beside it. A short run begins with the latter.
pub(super) fn round(wanted: &[Nemesis], combined_first: bool, random: &mut StdRng) -> Vec<Attack> {
    let mut alone: Vec<Attack> = wanted
        .iter()
        .map(|nemesis| vec![(*nemesis, random.random_range(0..SHARDS))])
        .collect();
    alone.shuffle(random);
    let (light, heavy): (Vec<Nemesis>, Vec<Nemesis>) =
        wanted.iter().partition(|nemesis| nemesis.is_light());
    // There has to be something to combine.
    let leaders = if heavy.is_empty() { &light } else { &heavy };
    let mut combined = Vec::new();
    for leader in leaders {
        let shard = random.random_range(0..SHARDS);
        let mut beside: Vec<Nemesis> = light.iter().copied().filter(|it| it != leader).collect();
        beside.shuffle(random);
        let mut attack = vec![(*leader, shard)];
        // Resharding needs the shard behind it to be well.
        let beside = beside.into_iter().filter(|it| *it != Nemesis::Reshard);
        let elsewhere = (shard + 1) % SHARDS;
        attack.extend(beside.take(2).map(|light| (light, elsewhere)));
        if attack.len() > 1 {
            combined.push(attack);
        }
    }
    combined.shuffle(random);
    if combined_first {
        combined.append(&mut alone);
        return combined;
    }
    alone.append(&mut combined);
    alone
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_seed_makes_one_plan_in_which_each_comes_alone_and_combined() {
        let plan = |seed| round(&Nemesis::ALL, false, &mut StdRng::seed_from_u64(seed));
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        for nemesis in Nemesis::ALL {
            let alone = |attack: &Attack| attack.len() == 1 && attack[0].0 == nemesis;
            assert!(plan(7).iter().any(alone), "{nemesis:?}");
        }
        let combined: Vec<_> = plan(7)
            .into_iter()
            .filter(|attack| attack.len() > 1)
            .collect();
        assert!(combined.len() >= 8);
        for attack in combined {
            assert!(!attack[0].0.is_light());
            assert!(
                attack[1..]
                    .iter()
                    .all(|(light, shard)| { light.is_light() && *shard != attack[0].1 })
            );
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for nemesis in Nemesis::ALL {
            assert_eq!(nemesis.name().parse::<Nemesis>().unwrap(), nemesis);
        }
        assert!("storm".parse::<Nemesis>().is_err());
    }
}
