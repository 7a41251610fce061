//! Full indexes: 8 bytes an entry.

use zerocopy::IntoBytes;

use crate::format::index::{
    DELTA0_CBLKCNT, FULL_START, LclusterIndex, PARTIAL_REF, TYPE_NONHEAD, TYPE_PLAIN,
};
use crate::format::to_usize;
use crate::index::entry::{Entries, Entry, delta, head_type};

/// Appends all entries.
pub(super) fn write(out: &mut Vec<u8>, entries: Entries<'_>) {
    out.resize(out.len() + to_usize(FULL_START), 0);
    for entry in entries.iter() {
        out.extend_from_slice(record(&entry).as_bytes());
    }
}

fn record(entry: &Entry) -> LclusterIndex {
    let (advise, offset, value) = match *entry {
        Entry::Head { plain, second, partial, offset, block } => {
            let kind = head_type(plain, second);
            (if partial { kind | PARTIAL_REF } else { kind }, offset, block)
        }
        Entry::End { offset } => (TYPE_PLAIN, offset, 0),
        Entry::NonHead { back, ahead, blocks } => {
            let back = blocks.map_or(delta(back), |count| DELTA0_CBLKCNT | count);
            (TYPE_NONHEAD, 0, u32::from(back) | u32::from(delta(ahead)) << 16)
        }
    };
    LclusterIndex { di_advise: advise.into(), di_clusterofs: offset.into(), di_u: value.into() }
}
