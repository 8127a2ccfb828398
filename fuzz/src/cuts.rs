//! Where a stream is cut.

/// The lengths of the pieces, repeated to the stream's end. A length of 0 is a
/// call without new bytes. Only zeros, or none: the stream is one piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts<'d> {
    steps: &'d [u8],
}

impl<'d> Cuts<'d> {
    pub(crate) fn new(steps: &'d [u8]) -> Self {
        Self { steps }
    }

    /// The stream in its pieces, of which there is at least one.
    pub(crate) fn pieces<'s>(
        self,
        stream: &'s [u8],
    ) -> impl Iterator<Item = &'s [u8]> + use<'s, 'd> {
        let whole = self.steps.iter().all(|step| *step == 0);
        let all = [usize::MAX];
        let steps: Vec<usize> = match whole {
            true => all.to_vec(),
            false => self.steps.iter().map(|step| usize::from(*step)).collect(),
        };
        let mut rest = Some(stream);
        let mut index = 0;
        std::iter::from_fn(move || {
            let left = rest?;
            let step = steps[index % steps.len()];
            index += 1;
            let (piece, after) = left.split_at(step.min(left.len()));
            rest = (!after.is_empty()).then_some(after);
            Some(piece)
        })
    }
}
