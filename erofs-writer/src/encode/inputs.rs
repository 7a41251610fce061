//! The inputs of encoding.

use crate::encode::earlier::Earlier;
use crate::error::Result;
use crate::options::Options;
use crate::plan::{Codecs, DataPlan};
use crate::shape::Inodes;
use crate::sink::Sink;
use crate::tree::{Content, InodeId, Kind, Reader};

/// All inputs but the plan, which becomes another one when it is known which files are
/// encoded.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) inodes: &'a Inodes<'a>,
    pub(crate) codecs: &'a Codecs,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a Sink<'a>,
    pub(crate) first_block: u64,
    pub(crate) workers: usize,
    pub(crate) earlier: Option<&'a dyn Earlier>,
}

impl<'a> Setting<'a> {
    /// The inputs with this plan.
    pub(crate) fn with<'b>(&self, plan: &'b DataPlan) -> Inputs<'b>
    where
        'a: 'b,
    {
        let Setting { reader, inodes, codecs, options, sink, first_block, workers, earlier } =
            *self;
        Inputs { reader, inodes, plan, codecs, options, sink, first_block, workers, earlier }
    }
}

/// The results of earlier stages that encoding needs.
pub(crate) struct Inputs<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) inodes: &'a Inodes<'a>,
    pub(crate) plan: &'a DataPlan,
    pub(crate) codecs: &'a Codecs,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a Sink<'a>,
    /// The first block of the pclusters.
    pub(crate) first_block: u64,
    /// How many threads encode at a time.
    pub(crate) workers: usize,
    /// An earlier image, whose results may be taken.
    pub(crate) earlier: Option<&'a dyn Earlier>,
}

impl Inputs<'_> {
    /// Whether the build is to end early.
    pub(super) fn is_stopped(&self) -> bool {
        self.reader.stop.is_set()
    }

    /// The contents of a file that is encoded.
    pub(super) fn content(&self, id: InodeId) -> &Content {
        match &self.reader.tree.inode(id).kind {
            Kind::File(content) => content,
            _ => panic!("only files are encoded"),
        }
    }

    /// Reads bytes of the file `id` from `offset` on into `data`. That has one byte more
    /// than is wanted, which shows whether the file has become longer.
    pub(super) fn read(&self, id: InodeId, offset: u64, data: &mut [u8]) -> Result<()> {
        self.reader.with_open(id, self.content(id), |open| open.read_range(data, offset))
    }
}
