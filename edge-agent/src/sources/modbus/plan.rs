//! Which registers are read together. Pure.
//!
//! A plan is a list of [`Cycle`]s, one per polling interval of a device; a cycle is a list of [`Block`]s, one request
//! each. Every point is in exactly one block, and whole in it: a value is never put together from two answers.

use super::frame::Kind;

/// Where a point lies: `width` registers (or bits) from `address` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub kind: Kind,
    pub address: u16,
    pub width: u16,
    pub interval_ms: u32,
}

impl Extent {
    fn end(self) -> u32 {
        u32::from(self.address) + u32::from(self.width)
    }
}

/// What a device takes in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_registers: u16,
    pub max_bits: u16,
    /// Registers (or bits) nobody asked for that may be read along to save a request.
    pub max_gap: u16,
    pub one_request_per_register: bool,
}

/// One request, and the points that its answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    pub start: u16,
    pub count: u16,
    /// Indices into the extents the plan was made from, by address.
    pub points: Vec<usize>,
}

/// What is read at one interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    pub interval_ms: u32,
    pub blocks: Vec<Block>,
}

/// Plans the requests for `extents`. Each of them must fit the limits by itself, which the configuration's checks see to.
#[must_use]
pub fn plan(extents: &[Extent], limits: Limits) -> Vec<Cycle> {
    let mut order: Vec<usize> = (0..extents.len()).collect();
    order.sort_by_key(|&index| (extents[index].interval_ms, extents[index].kind, extents[index].address, index));
    let mut cycles: Vec<Cycle> = Vec::new();
    for together in order.chunk_by(|&a, &b| extents[a].interval_ms == extents[b].interval_ms) {
        let mut blocks = Vec::new();
        for one_kind in together.chunk_by(|&a, &b| extents[a].kind == extents[b].kind) {
            coalesce(one_kind, extents, limits, &mut blocks);
        }
        cycles.push(Cycle { interval_ms: extents[together[0]].interval_ms, blocks });
    }
    cycles
}

/// Joins points of one kind, sorted by address, as far as the limits allow.
fn coalesce(sorted: &[usize], extents: &[Extent], limits: Limits, blocks: &mut Vec<Block>) {
    let mut open: Option<Block> = None;
    for &index in sorted {
        let extent = extents[index];
        if let Some(block) = &mut open {
            let end = u32::from(block.start) + u32::from(block.count);
            let count = end.max(extent.end()) - u32::from(block.start);
            let gap = u32::from(extent.address).saturating_sub(end);
            let max = if extent.kind.is_bits() { limits.max_bits } else { limits.max_registers };
            if !limits.one_request_per_register && gap <= u32::from(limits.max_gap) && count <= u32::from(max) {
                block.count = u16::try_from(count).unwrap_or(u16::MAX);
                block.points.push(index);
                continue;
            }
        }
        blocks.extend(open.replace(alone(index, extent)));
    }
    blocks.extend(open);
}

fn alone(index: usize, extent: Extent) -> Block {
    Block { kind: extent.kind, start: extent.address, count: extent.width, points: vec![index] }
}

impl Block {
    /// Smaller blocks to ask for where the device refused this one: first without the gaps, then point by point. None
    /// when it cannot be made smaller.
    #[must_use]
    pub fn split(&self, extents: &[Extent]) -> Option<Vec<Block>> {
        if self.points.len() < 2 {
            return None;
        }
        let unlimited =
            Limits { max_registers: u16::MAX, max_bits: u16::MAX, max_gap: 0, one_request_per_register: false };
        let mut blocks = Vec::new();
        coalesce(&self.points, extents, unlimited, &mut blocks);
        if blocks.len() == 1 {
            blocks = self.points.iter().map(|&index| alone(index, extents[index])).collect();
        }
        Some(blocks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    const WIDE: Limits = Limits { max_registers: 125, max_bits: 2_000, max_gap: 8, one_request_per_register: false };

    fn holding(address: u16, width: u16) -> Extent {
        Extent { kind: Kind::Holding, address, width, interval_ms: 1_000 }
    }

    fn requests(extents: &[Extent], limits: Limits) -> Vec<(u16, u16)> {
        plan(extents, limits).iter().flat_map(|cycle| &cycle.blocks).map(|block| (block.start, block.count)).collect()
    }

    #[test]
    fn near_registers_share_a_request_and_far_ones_do_not() {
        assert_eq!(requests(&[holding(20, 2), holding(0, 2), holding(10, 1)], WIDE), [(0, 3 + 8), (20, 2)]);
        assert_eq!(requests(&[holding(0, 2), holding(10, 1)], Limits { max_gap: 7, ..WIDE }), [(0, 2), (10, 1)]);
    }

    #[test]
    fn a_value_at_the_limit_goes_whole_into_the_next_request() {
        let limits = Limits { max_registers: 8, ..WIDE };
        assert_eq!(requests(&[holding(0, 4), holding(4, 3), holding(7, 2)], limits), [(0, 7), (7, 2)]);
    }

    #[test]
    fn a_device_that_wants_it_gets_a_request_per_register() {
        let limits = Limits { one_request_per_register: true, ..WIDE };
        assert_eq!(requests(&[holding(0, 2), holding(2, 2)], limits), [(0, 2), (2, 2)]);
    }

    #[test]
    fn a_refused_block_is_split_at_its_gaps_and_then_into_points() {
        let extents = [holding(0, 2), holding(2, 2), holding(6, 1)];
        let block = plan(&extents, WIDE)[0].blocks[0].clone();
        let split = block.split(&extents).unwrap();
        assert_eq!(split.iter().map(|b| (b.start, b.count)).collect::<Vec<_>>(), [(0, 4), (6, 1)]);
        let again = split[0].split(&extents).unwrap();
        assert_eq!(again.iter().map(|b| (b.start, b.count)).collect::<Vec<_>>(), [(0, 2), (2, 2)]);
        assert_eq!(again[0].split(&extents), None);
    }

    fn any_extent() -> impl Strategy<Value = Extent> {
        let kind = prop_oneof![Just(Kind::Coil), Just(Kind::Discrete), Just(Kind::Input), Just(Kind::Holding)];
        let address = prop_oneof![0_u16..200, 65_000_u16..65_532, any::<u16>()];
        (kind, address, 1_u16..=4, prop_oneof![Just(100_u32), Just(1_000)]).prop_map(
            |(kind, address, width, interval_ms)| {
                let width = if kind.is_bits() { 1 } else { width };
                Extent { kind, address: address.min(u16::MAX - width + 1), width, interval_ms }
            },
        )
    }

    fn any_limits() -> impl Strategy<Value = Limits> {
        (4_u16..=125, 1_u16..=2_000, 0_u16..=20, any::<bool>()).prop_map(|(max_registers, max_bits, max_gap, one)| {
            Limits { max_registers, max_bits, max_gap, one_request_per_register: one }
        })
    }

    /// Longest run of the block's registers that none of its points uses.
    fn widest_gap(block: &Block, extents: &[Extent]) -> usize {
        let used =
            |at: u32| block.points.iter().any(|&p| (u32::from(extents[p].address)..extents[p].end()).contains(&at));
        let range: Vec<bool> = (0..u32::from(block.count)).map(|at| used(u32::from(block.start) + at)).collect();
        range.split(|used| *used).map(<[bool]>::len).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn every_point_is_whole_in_exactly_one_block_that_keeps_the_limits(
            extents in proptest::collection::vec(any_extent(), 0..60), limits in any_limits()
        ) {
            let cycles = plan(&extents, limits);
            let mut seen = vec![0; extents.len()];
            for cycle in &cycles {
                for block in &cycle.blocks {
                    let max = if block.kind.is_bits() { limits.max_bits } else { limits.max_registers };
                    prop_assert!(block.count >= 1 && block.count <= max);
                    prop_assert!(widest_gap(block, &extents) <= usize::from(limits.max_gap));
                    prop_assert!(!limits.one_request_per_register || block.points.len() == 1);
                    for &point in &block.points {
                        seen[point] += 1;
                        let extent = extents[point];
                        prop_assert_eq!(extent.kind, block.kind);
                        prop_assert_eq!(extent.interval_ms, cycle.interval_ms);
                        prop_assert!(extent.address >= block.start);
                        prop_assert!(extent.end() <= u32::from(block.start) + u32::from(block.count));
                    }
                }
            }
            prop_assert!(seen.iter().all(|&times| times == 1), "{:?}", seen);
            let mut intervals: Vec<u32> = cycles.iter().map(|cycle| cycle.interval_ms).collect();
            intervals.dedup();
            prop_assert_eq!(intervals.len(), cycles.len());
        }

        #[test]
        fn splitting_keeps_every_point_and_ends_at_single_points(
            extents in proptest::collection::vec(any_extent(), 1..40), limits in any_limits()
        ) {
            for block in plan(&extents, limits).into_iter().flat_map(|cycle| cycle.blocks) {
                let mut todo = vec![block.clone()];
                let mut points = Vec::new();
                while let Some(block) = todo.pop() {
                    match block.split(&extents) {
                        Some(parts) => {
                            prop_assert!(parts.len() >= 2);
                            todo.extend(parts);
                        }
                        None => points.extend(block.points),
                    }
                }
                points.sort_unstable();
                let mut expected = block.points;
                expected.sort_unstable();
                prop_assert_eq!(points, expected);
            }
        }
    }
}
