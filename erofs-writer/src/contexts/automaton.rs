//! All patterns as one automaton.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA, OverlappingState};
use regex_automata::nfa::thompson::{Compiler, Config, NFA, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, Look};

/// The most memory that patterns may take, in bytes. Those of a distribution take some 10
/// MiB.
const SIZE_LIMIT: usize = 256 << 20;

/// The most memory for states that were found while searching, in bytes. When it is full,
/// the states are forgotten and found again.
const CACHE_LIMIT: usize = 64 << 20;

/// Finds all patterns that match a path in one pass over it.
pub(super) struct Automaton {
    dfa: DFA,
    caches: Pool<Cache, NewCache>,
    /// Yes if every match begins with the path.
    anchored: Anchored,
}

/// Makes the cache of one more thread.
type NewCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

impl Automaton {
    /// An automaton for `trees`, or the index of the first one that takes too much
    /// memory.
    pub(super) fn new(trees: &[Hir]) -> Result<Self, usize> {
        let nfa = compile(trees).ok_or_else(|| first_too_large(trees))?;
        // It must find every pattern, and may exceed the limit if the states of one step
        // need that.
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE_LIMIT)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa);
        let dfa = dfa.map_err(|_| first_too_large(trees))?;
        let starts = |tree: &Hir| tree.properties().look_set_prefix().contains(Look::Start);
        let for_caches = dfa.clone();
        let caches: NewCache = Box::new(move || for_caches.create_cache());
        let anchored = if trees.iter().all(starts) { Anchored::Yes } else { Anchored::No };
        Ok(Automaton { dfa, caches: Pool::new(caches), anchored })
    }

    /// Calls `found` for each pattern that matches `path`, by its number.
    pub(super) fn each_match(&self, path: &[u8], mut found: impl FnMut(usize)) {
        let input = Input::new(path).anchored(self.anchored);
        let mut cache = self.caches.get();
        let mut state = OverlappingState::start();
        loop {
            self.dfa
                .try_search_overlapping_fwd(&mut cache, &input, &mut state)
                .expect("no byte and no count of cache clearings stops a search");
            match state.get_match() {
                Some(end) => found(end.pattern().as_usize()),
                None => return,
            }
        }
    }
}

impl fmt::Debug for Automaton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Automaton").field("patterns", &self.dfa.pattern_len()).finish()
    }
}

fn compile(trees: &[Hir]) -> Option<NFA> {
    let config = Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(SIZE_LIMIT));
    Compiler::new().configure(config).build_many_from_hir(trees).ok()
}

/// The index of the first of `trees` for which, after those before it, one automaton has
/// no room.
fn first_too_large(trees: &[Hir]) -> usize {
    let mut left = SIZE_LIMIT;
    let fits = |tree: &Hir| {
        let nfa = compile(std::slice::from_ref(tree))?;
        left = left.checked_sub(nfa.memory_usage())?;
        Some(())
    };
    let fitting = trees.iter().map(fits).take_while(Option::is_some).count();
    fitting.min(trees.len().saturating_sub(1))
}
