//! Sparkplug B, as a host application. Specification: Eclipse Sparkplug 3.0.0.

pub mod host;
pub mod payload;

/// Kinds of message that a host listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    NodeBirth,
    NodeData,
    NodeDeath,
    DeviceBirth,
    DeviceData,
    DeviceDeath,
}

impl Kind {
    const ALL: [(Kind, &'static str); 6] = [
        (Kind::NodeBirth, "NBIRTH"),
        (Kind::NodeData, "NDATA"),
        (Kind::NodeDeath, "NDEATH"),
        (Kind::DeviceBirth, "DBIRTH"),
        (Kind::DeviceData, "DDATA"),
        (Kind::DeviceDeath, "DDEATH"),
    ];
}

/// `spBv1.0/group/kind/node[/device]`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic<'t> {
    pub kind: Kind,
    pub group: &'t str,
    pub node: &'t str,
    pub device: Option<&'t str>,
}

impl<'t> Topic<'t> {
    /// None for anything else, commands and host states included.
    #[must_use]
    pub fn parse(topic: &'t str) -> Option<Topic<'t>> {
        let mut levels = topic.strip_prefix("spBv1.0/")?.split('/');
        let (group, word, node, device) = (levels.next()?, levels.next()?, levels.next()?, levels.next());
        let (kind, _) = Kind::ALL.into_iter().find(|(_, it)| *it == word)?;
        let of_device = matches!(kind, Kind::DeviceBirth | Kind::DeviceData | Kind::DeviceDeath);
        (levels.next().is_none() && of_device == device.is_some()).then_some(Topic { kind, group, node, device })
    }
}

/// What to subscribe to for one node. Not its commands: those are for it.
#[must_use]
pub fn filters(group: &str, node: &str) -> Vec<String> {
    let filter = |(kind, word): (Kind, &str)| match kind {
        Kind::NodeBirth | Kind::NodeData | Kind::NodeDeath => format!("spBv1.0/{group}/{word}/{node}"),
        Kind::DeviceBirth | Kind::DeviceData | Kind::DeviceDeath => format!("spBv1.0/{group}/{word}/{node}/+"),
    };
    Kind::ALL.into_iter().map(filter).collect()
}

#[must_use]
pub fn command_topic(group: &str, node: &str) -> String {
    format!("spBv1.0/{group}/NCMD/{node}")
}

/// Where a host application says whether it is there; retained.
#[must_use]
pub fn state_topic(host_id: &str) -> String {
    format!("spBv1.0/STATE/{host_id}")
}

#[must_use]
pub fn state_payload(online: bool, timestamp_ms: i64) -> Vec<u8> {
    format!("{{\"online\":{online},\"timestamp\":{timestamp_ms}}}").into_bytes()
}

#[cfg(test)]
mod tests;
