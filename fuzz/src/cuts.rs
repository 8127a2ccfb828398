//! Where a stream is cut.

/// The lengths of the pieces, repeated to the stream's end. A length of 0 is a
/// call without new bytes. Only zeros, or none: the stream is one piece.
///
/// Of a stream longer than [`SHORT`] the pieces are so many times longer, or one with
/// large arguments would be nothing but calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts<'d> {
    steps: &'d [u8],
}

const SHORT: usize = 4096;

impl<'d> Cuts<'d> {
    pub(crate) fn new(steps: &'d [u8]) -> Self {
        Self { steps }
    }

    /// The stream in its pieces, of which there is at least one.
    pub(crate) fn pieces<'s>(
        self,
        stream: &'s [u8],
    ) -> impl Iterator<Item = &'s [u8]> + use<'s, 'd> {
        let times = 1 + stream.len() / SHORT;
        let longer = |step: &u8| usize::from(*step) * times;
        let mut steps: Vec<usize> = self.steps.iter().map(longer).collect();
        if steps.iter().all(|step| *step == 0) {
            steps = vec![stream.len()];
        }
        let mut rest = Some(stream);
        let mut turn = 0;
        std::iter::from_fn(move || {
            let left = rest?;
            let step = steps[turn % steps.len()];
            turn += 1;
            let (piece, after) = left.split_at(step.min(left.len()));
            rest = (!after.is_empty()).then_some(after);
            Some(piece)
        })
    }
}
