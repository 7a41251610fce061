//! One worker, which encodes one part after the other.

use crate::codec::Segment;
use crate::encode::bytes::PartBytes;
use crate::encode::draft::Draft;
use crate::encode::earlier::{Known, PartPlace};
use crate::encode::encoders::{EncoderPair, Encoders};
use crate::encode::extent::Extent;
use crate::encode::inputs::Inputs;
use crate::encode::packed::is_paired;
use crate::encode::pclusters::{End, Filler, Pclusters, Rules, Stretch};
use crate::encode::queue::Queue;
use crate::encode::read::PartReader;
use crate::encode::recipe::{Recipe, Worth};
use crate::encode::repeats::{Repeat, Repeats};
use crate::encode::reuse::Wanted;
use crate::encode::room::Room;
use crate::encode::task::{EncodedPart, EncodedTask, Part, PartRanges, Stream};
use crate::error::{Error, Result};
use crate::facts::Digest;
use crate::format::index::DECODED_MAX;
use crate::format::to_usize;
use crate::options::FileCodec;
use crate::plan::all_zero;

/// The data that all workers share.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    pub(super) queue: &'a Queue<'a>,
    pub(crate) room: &'a Room<'a>,
    pub(crate) reader: PartReader<'a>,
    pub(crate) repeats: &'a Repeats,
}

/// Encodes parts.
pub(crate) struct Worker<'a> {
    shared: Shared<'a>,
    encoders: Encoders,
    /// A buffer for the bytes of a part, as long as the longest part so far needs.
    data: Vec<u8>,
    /// A buffer for one pcluster.
    scratch: Vec<u8>,
    /// The result of the last part of nothing but zeros.
    zeros: Option<Zeros>,
}

/// The result of a part of nothing but zeros that is not the end of a file and has no
/// repeats. All such parts with the same length and codec have the same result.
#[derive(Debug)]
struct Zeros {
    codec: FileCodec,
    len: u64,
    extents: Vec<Extent>,
    bytes: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: Shared<'a>) -> Self {
        let scratch = vec![0; to_usize(shared.inputs.options.pcluster_len_max())];
        let encoders = Encoders::new(to_usize(shared.inputs.options.block_size.len()));
        Worker { shared, encoders, data: Vec::new(), scratch, zeros: None }
    }

    /// Encodes `parts` into `bytes`, which is an empty buffer.
    pub(crate) fn encode(&mut self, parts: &[Part], bytes: Vec<u8>) -> Result<EncodedTask> {
        let mut done = EncodedTask { bytes, ..EncodedTask::default() };
        for part in parts {
            if self.shared.inputs.is_stopped() {
                return Err(Error::Cancelled);
            }
            if let Some(pclusters) = self.hole(part, &mut done.bytes)? {
                done.parts.push(EncodedPart::new(part, None, pclusters, &[]));
                continue;
            }
            if self.encode_unread(part, parts, &mut done) {
                continue;
            }
            self.read(part)?;
            self.encode_read(part, parts, &mut done)?;
        }
        Ok(done)
    }

    /// Takes the result for `part` from an earlier image that is trusted. Returns whether
    /// it did. If it does not, the part has to be read.
    fn encode_unread(&self, part: &Part, parts: &[Part], done: &mut EncodedTask) -> bool {
        let Shared { inputs, reader, repeats, .. } = self.shared;
        let Some(known) = reader.known(part).filter(|_| inputs.earlier.is_some()) else {
            return false;
        };
        let bytes = PartBytes::Known(known);
        if !repeats.are_known(part.number, &bytes) {
            return false;
        }
        let draft = self.draft(part, parts, bytes, done);
        let found = self.find(draft.recipe);
        let start = done.bytes.len();
        let taken = match found {
            Some(Known::Made(place)) => self.take(part, place, &draft, &mut done.bytes),
            _ => None,
        };
        match taken {
            Some(pclusters) => {
                let own = &done.bytes[start..];
                done.parts.push(EncodedPart::new(part, draft.recipe, pclusters, own));
            }
            None if draft.is_vain(found) => done.vain.extend(draft.recipe),
            None => return false,
        }
        done.ranges.extend(draft.ranges);
        true
    }

    /// Encodes `part`, which was read.
    fn encode_read(&mut self, part: &Part, parts: &[Part], done: &mut EncodedTask) -> Result<()> {
        let data = std::mem::take(&mut self.data);
        let result = self.encode_data(part, parts, &data[..to_usize(part.len)], done);
        self.data = data;
        result
    }

    fn encode_data(
        &mut self,
        part: &Part,
        parts: &[Part],
        data: &[u8],
        done: &mut EncodedTask,
    ) -> Result<()> {
        let digest = match self.has_recipe(part) {
            true => self.shared.reader.digest(part, data)?,
            false => Digest::default(),
        };
        let draft = self.draft(part, parts, PartBytes::Read(data, digest), done);
        let start = done.bytes.len();
        let found = self.find(draft.recipe);
        if draft.is_vain(found) {
            done.vain.extend(draft.recipe);
            done.ranges.extend(draft.ranges);
            return Ok(());
        }
        let taken = match found {
            Some(Known::Made(place)) => self.take(part, place, &draft, &mut done.bytes),
            _ => None,
        };
        let fill = || self.fill(part, data, &draft.stretches, &mut done.bytes);
        let pclusters = taken.unwrap_or_else(fill);
        if self.shared.inputs.is_stopped() {
            return Err(Error::Cancelled);
        }
        self.learn_zeros(part, data, &pclusters, &done.bytes[start..]);
        let encoded = done.bytes.len() - start;
        done.ranges.extend(draft.ranges);
        if draft.worth.is_some_and(|worth| !worth.is_reached(encoded, &pclusters)) {
            done.vain.extend(draft.recipe);
            done.bytes.truncate(start);
        } else {
            let own = &done.bytes[start..];
            done.parts.push(EncodedPart::new(part, draft.recipe, pclusters, own));
        }
        Ok(())
    }

    /// Everything that decides the result of a part. Keeps its hashes for later parts.
    fn draft<'b>(
        &self,
        part: &Part,
        parts: &[Part],
        bytes: PartBytes<'b>,
        done: &EncodedTask,
    ) -> Draft<'b> {
        let Shared { inputs, repeats, .. } = self.shared;
        repeats.see(part.number, &bytes);
        let confirmed = repeats.confirmed(part.number, &bytes);
        let stretches = self.stretches(part, parts, &confirmed, done);
        let worth = self.worth(part);
        let recipe = self.has_recipe(part).then(|| {
            let rules = self.shared.rules(part);
            Recipe::new(part.codec, &bytes, &rules, &stretches, worth)
        });
        let ranges = || PartRanges {
            stream: part.stream,
            offset: part.offset,
            ranges: repeats.facts(part.number, &confirmed),
        };
        let is_kept = inputs.options.keeps_facts();
        let ranges = is_kept.then(ranges).filter(|facts| !facts.ranges.is_empty());
        Draft { bytes, stretches, worth, recipe, ranges }
    }

    /// Whether a recipe, and so a hash of the part, is of use. Much of the metabox changes
    /// with every change.
    fn has_recipe(&self, part: &Part) -> bool {
        let inputs = self.shared.inputs;
        part.stream != Stream::Metabox && (inputs.options.rebuildable || inputs.earlier.is_some())
    }

    /// What the earlier image knows about a recipe.
    fn find(&self, recipe: Option<Recipe>) -> Option<Known> {
        self.shared.inputs.earlier?.find(recipe?)
    }

    /// Takes the result for `part` from the earlier image, and appends its pclusters.
    fn take(
        &self,
        part: &Part,
        place: PartPlace,
        draft: &Draft<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Pclusters> {
        let wanted = Wanted {
            algorithm: part.codec.codec.algorithm(),
            bytes: draft.bytes,
            rules: self.shared.rules(part),
            stretches: &draft.stretches,
        };
        let earlier = self.shared.inputs.earlier?;
        let taken = wanted.take(earlier, place, out)?;
        earlier.taken(part.len);
        Some(taken)
    }

    fn read(&mut self, part: &Part) -> Result<()> {
        let len = to_usize(part.len);
        self.data.resize(self.data.len().max(len + 1), 0);
        self.shared.reader.read(part, &mut self.data[..=len])
    }

    /// The result of `part`, if it is a hole and the result of such parts is known.
    fn hole(&self, part: &Part, out: &mut Vec<u8>) -> Result<Option<Pclusters>> {
        let same = |zeros: &&Zeros| zeros.codec == part.codec && zeros.len == part.len;
        let Some(zeros) = self.zeros.as_ref().filter(same) else { return Ok(None) };
        if !self.is_by_itself(part) || !self.shared.reader.is_hole(part)? {
            return Ok(None);
        }
        out.extend_from_slice(&zeros.bytes);
        Ok(Some(Pclusters { extents: zeros.extents.clone(), ..Pclusters::default() }))
    }

    /// Remembers the result of `part`, if it is nothing but zeros.
    fn learn_zeros(&mut self, part: &Part, data: &[u8], pclusters: &Pclusters, bytes: &[u8]) {
        if self.is_by_itself(part) && all_zero(data) {
            let (extents, bytes) = (pclusters.extents.clone(), bytes.to_vec());
            self.zeros = Some(Zeros { codec: part.codec, len: part.len, extents, bytes });
        }
    }

    /// Whether the result of `part` depends on nothing but its bytes.
    fn is_by_itself(&self, part: &Part) -> bool {
        let repeats = self.shared.repeats;
        matches!(part.stream, Stream::File(_))
            && !part.is_last()
            && repeats.of(part.number).is_empty()
            && repeats.cuts(part.number).is_empty()
            && !repeats.are_of(part.stream)
    }

    /// The stretches of `part` that repeat encoded parts, from its `repeats`. These may be
    /// parts of the same task, whose results so far are `done`.
    fn stretches(
        &self,
        part: &Part,
        task: &[Part],
        repeats: &[(&Repeat, Digest)],
        done: &EncodedTask,
    ) -> Vec<Stretch> {
        let stretch = |(repeat, _): &(&Repeat, Digest)| {
            let Repeat { at, len, source, source_at } = **repeat;
            let bytes = source_at..source_at + len;
            let extents = if source == part.number {
                None
            } else if source >= task[0].number {
                Some(done.extents(source, bytes)?)
            } else {
                Some(self.shared.queue.extents(source, bytes)?)
            };
            Some(Stretch { at, len, source, source_at, extents })
        };
        repeats.iter().filter_map(stretch).collect()
    }

    /// What decides whether `part` is worth encoding; `None` if it is encoded in any case.
    /// The parts of a long file cannot decide that, and what is repeated is needed.
    fn worth(&self, part: &Part) -> Option<Worth> {
        let Stream::File(id) = part.stream else { return None };
        let Shared { inputs, repeats, .. } = self.shared;
        let has_end = inputs.plan.ends.of(id).is_some();
        let may_be_vain = part.is_whole() && !repeats.are_of(part.stream) && !has_end;
        may_be_vain.then(|| Worth {
            inode: inputs.inodes.len_with_index(id, repeats.index_form(part.stream)),
            flat: inputs.inodes.flat(id).stored_len(),
        })
    }

    /// Appends the pclusters of `data`, the bytes of `part`.
    fn fill(
        &mut self,
        part: &Part,
        data: &[u8],
        repeats: &[Stretch],
        out: &mut Vec<u8>,
    ) -> Pclusters {
        let rules = self.shared.rules(part);
        let EncoderPair { encoder, estimator } = self.encoders.of(part.codec);
        let segment = Segment::new(&mut **encoder, data);
        Filler::new(data, rules, segment, &mut **estimator, out, &mut self.scratch).run(repeats)
    }
}

impl<'a> Shared<'a> {
    /// The rules for the pclusters of `part`.
    fn rules(&self, part: &Part) -> Rules<'a> {
        let options = self.inputs.options;
        Rules {
            cuts: self.repeats.cuts(part.number),
            block_len: to_usize(options.block_size.len()),
            pcluster_len: to_usize(part.codec.pcluster_len),
            extent_len: options.max_extent_len.map_or(DECODED_MAX, to_usize).min(DECODED_MAX),
            end: self.end(part),
            kept: &self.inputs.plan.findings.kept,
            interlaced: options.has_interlaced_pclusters(),
            paired: part.stream == Stream::Packed && is_paired(options),
            stop: self.inputs.reader.stop,
        }
    }

    /// Where the end of a part may go.
    fn end(&self, part: &Part) -> End {
        let Shared { inputs, room, repeats, .. } = *self;
        let options = inputs.options;
        if !part.is_last() {
            return End::Part;
        }
        match part.stream {
            // Its end is a fragment already.
            Stream::File(id) if inputs.plan.ends.of(id).is_some() => End::Blocks,
            Stream::File(_) if options.may_have_fragments() => {
                // A file that fits into one pcluster would be a fragment already if that
                // paid.
                if part.size > part.codec.pcluster_len { End::Fragment } else { End::Blocks }
            }
            Stream::File(id) if options.may_have_inline_pclusters() => {
                End::Inline(to_usize(room.of(id, repeats.index_form(part.stream))))
            }
            _ => End::Blocks,
        }
    }
}
