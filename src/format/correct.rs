//! Error correction of an ECC block.
//!
//! Rows first (PI: up to 5 wrong bytes, or 10 known ones), then columns (PO: up to 16
//! rows known to be bad), in turns until nothing changes. A row with more than 5 wrong
//! bytes is now and then "corrected" into a wrong codeword, so if the result does not
//! check out the block is tried again with the rows that needed much correction
//! counted as bad too. What decides in the end is always the error detection code of
//! each sector: a sector that fails it is not handed out.

use super::columns::{PI, PO};
use super::ecc::{
    BLOCK_BYTES, BLOCK_SECTORS, EccBlock, PI_CODE, PO_CODE, Pi, ROW_BYTES, ROW_DATA, ROWS, gather,
    sector_psn,
};
use super::erasures::Erasures;
use super::report::{Corrected, DecodeOptions, EccReport};
use super::rs::ReedSolomon;
use super::sector::{Psn, SECTOR_BYTES, SectorError, check_frame, main_data, read_id};

/// Score of a row that could not be corrected; lower scores count the parity used up.
const FAILED: u8 = PI as u8 + 1;
/// Suspicious rows tried one at a time.
const MAX_SUSPECTS: usize = 16;

impl EccBlock {
    /// Corrects a block. This block is left as PI corrected it; the data in the answer
    /// is what counts.
    ///
    /// A sector is good only if its EDC matches and its ID names the place it is in.
    pub fn decode(&mut self, erasures: &Erasures, options: &DecodeOptions) -> Corrected {
        let mut state = State::new(options);
        let mut score = [0u8; ROWS];
        let received = self.first_pass(erasures, &mut score, &mut state.report);
        if state.report.pi_failures() > 0 {
            state.right = Some(Self::default());
        }
        if !state.check(self) {
            if state.right.is_none() {
                // Whatever is good so far is good in this block.
                state.right = Some(self.clone());
            }
            state.search(self, erasures, &mut score);
        }
        if let Some(received) = received {
            state.count_failed(&received);
        }
        Corrected {
            data: state.data,
            report: state.report,
        }
    }

    /// PI over all rows; gives a copy of what was received if anything was wrong.
    fn first_pass(
        &mut self,
        erasures: &Erasures,
        score: &mut [u8; ROWS],
        report: &mut EccReport,
    ) -> Option<Self> {
        let rests = self.row_remainders();
        let mut received: Option<Self> = None;
        let mut erased = Vec::new();
        for (r, score) in score.iter_mut().enumerate() {
            let rest = gather(&rests, r);
            if rest == 0 && !erasures.any(r) {
                continue;
            }
            if received.is_none() {
                received = Some(self.clone());
            }
            erasures.columns(r, &mut erased);
            match correct_row(&mut self.rows_mut()[r], rest, &erased) {
                Some((changed, used)) => {
                    report.pi_errors[r] = changed;
                    *score = used;
                }
                None => {
                    report.pi_errors[r] = ROW_BYTES as u8;
                    report.pi_failed[r] = true;
                    *score = FAILED;
                }
            }
        }
        received
    }
}

/// Corrects a row; gives the bytes changed and the parity symbols it took.
fn correct_row(row: &mut [u8; ROW_BYTES], rest: u128, erased: &[u8]) -> Option<(u8, u8)> {
    let code = &*PI_CODE;
    // A missing row is all zeros, and that is a codeword: do not believe it.
    let found = if erased.len() > PI {
        return None;
    } else if let Some(found) = code.locate(rest, erased) {
        found
    } else {
        code.locate(rest, &[]).filter(|_| !erased.is_empty())?
    };
    let (mut changed, mut used) = (0, 0);
    for (place, value) in found.iter() {
        row[place] ^= value;
        changed += u8::from(value != 0);
        used += if erased.contains(&(place as u8)) {
            1
        } else {
            2
        };
    }
    Some((changed, used.min(PI as u8)))
}

/// Which symbols of a column are erased.
enum Bad {
    /// These rows, at most 16.
    Rows(Vec<u8>),
    /// The bytes marked by the caller in rows that fail.
    Bytes,
}

impl Bad {
    fn of(rows: Vec<u8>) -> Self {
        if rows.len() <= PO {
            Self::Rows(rows)
        } else {
            Self::Bytes
        }
    }
}

struct State {
    turns: u8,
    suspect: bool,
    first: Option<Psn>,
    data: Box<[u8; BLOCK_BYTES]>,
    report: EccReport,
    /// The frames of good sectors, if they may be needed.
    right: Option<EccBlock>,
}

impl State {
    fn new(options: &DecodeOptions) -> Self {
        let unread = Psn::new(0);
        Self {
            turns: options.turns,
            suspect: options.suspect,
            first: options.first,
            data: vec![0; BLOCK_BYTES]
                .into_boxed_slice()
                .try_into()
                .expect("the size is equal"),
            report: EccReport {
                pi_errors: [0; ROWS],
                pi_failed: [false; ROWS],
                po_corrections: 0,
                attempts: 0,
                first: None,
                sectors: core::array::from_fn(|i| Err(SectorError::Id(sector_psn(unread, i)))),
            },
            right: None,
        }
    }

    /// Takes over the sectors which are good in `block`; true if all are good now.
    fn check(&mut self, block: &EccBlock) -> bool {
        let Some(first) = self.first.or_else(|| vote(block)) else {
            return false;
        };
        self.report.first = Some(first);
        for i in 0..BLOCK_SECTORS {
            if self.report.sectors[i].is_ok() {
                continue;
            }
            let mut frame = block.frame(i);
            let verdict = check_frame(sector_psn(first, i), &mut frame);
            self.report.sectors[i] = verdict;
            if verdict.is_ok() {
                // From here on all must agree with this number.
                self.first = Some(first);
                self.data[SECTOR_BYTES * i..][..SECTOR_BYTES].copy_from_slice(main_data(&frame));
                if let Some(right) = &mut self.right {
                    right.put_frame(i, &block.frame(i));
                }
            }
        }
        self.report.is_good()
    }

    /// Attempts with different rows counted as bad, until all sectors are good.
    fn search(&mut self, base: &mut EccBlock, erasures: &Erasures, score: &mut [u8; ROWS]) {
        if self.turns == 0 {
            return;
        }
        let mut last = usize::MAX;
        for limit in [FAILED, 10, 8, 6] {
            let bad = at_least(score, limit);
            if bad.len() == last || (limit < FAILED && bad.len() > PO) {
                continue;
            }
            last = bad.len();
            let mode = Bad::of(bad);
            if self.attempt(base, erasures, score, mode, limit) || !self.suspect {
                return;
            }
            self.trust(base, score);
        }
        let failed = at_least(score, FAILED);
        if failed.len() < PO {
            let mut suspects: Vec<usize> = (0..ROWS)
                .filter(|&r| (8..FAILED).contains(&score[r]))
                .collect();
            suspects.sort_by_key(|&r| core::cmp::Reverse(score[r]));
            for r in suspects.into_iter().take(MAX_SUSPECTS) {
                let mut bad = failed.clone();
                bad.push(r as u8);
                if self.attempt(base, erasures, score, Bad::Rows(bad), FAILED) {
                    return;
                }
            }
        }
        // With 16 rows counted as bad the columns cannot object to a wrong one among the
        // others: count on what is flagged only, then on nothing.
        self.attempt(base, erasures, score, Bad::Bytes, FAILED + 1);
    }

    /// Puts the rows of good sectors into the starting point of later attempts.
    fn trust(&self, base: &mut EccBlock, score: &mut [u8; ROWS]) {
        let Some(right) = &self.right else { return };
        for i in (0..BLOCK_SECTORS).filter(|&i| self.report.sectors[i].is_ok()) {
            base.put_frame(i, &right.frame(i));
            score[12 * i..12 * i + 12].fill(0);
            for row in &mut base.rows_mut()[12 * i..12 * i + 12] {
                let parity = PI_CODE.divide(&row[..ROW_DATA]);
                row[ROW_DATA..].copy_from_slice(&Pi::unpack(parity));
            }
        }
    }

    /// Columns and rows in turns on a copy of `base`.
    fn attempt(
        &mut self,
        base: &EccBlock,
        erasures: &Erasures,
        score: &[u8; ROWS],
        mut mode: Bad,
        limit: u8,
    ) -> bool {
        self.report.attempts += 1;
        let mut block = base.clone();
        let mut score = *score;
        let mut worst = usize::MAX;
        for _ in 0..self.turns {
            let failed_columns = self.columns(&mut block, erasures, &score, &mode);
            let open_rows = rows_again(&mut block, &failed_columns, &mode, &mut score);
            if self.check(&block) {
                return true;
            }
            // Rows changed after the columns were looked at are not settled either.
            let left = failed_columns.len() + open_rows;
            if left == 0 || left >= worst {
                break;
            }
            worst = left;
            mode = Bad::of(at_least(&score, limit));
        }
        false
    }

    /// PO over all columns; gives the columns that failed.
    fn columns(
        &mut self,
        block: &mut EccBlock,
        erasures: &Erasures,
        score: &[u8; ROWS],
        mode: &Bad,
    ) -> Vec<u8> {
        let code = &*PO_CODE;
        let rests = block.column_remainders();
        let mut failed = Vec::new();
        let mut marked = Vec::new();
        for c in 0..ROW_BYTES {
            let rest = gather(&rests, c);
            if rest == 0 {
                continue;
            }
            let found = match mode {
                Bad::Rows(rows) => code.locate(rest, rows),
                Bad::Bytes => {
                    marked.clear();
                    marked.extend(
                        (0..ROWS)
                            .filter(|&r| score[r] == FAILED && erasures.is_marked(r, c))
                            .map(|r| r as u8),
                    );
                    locate_marked(code, rest, &marked)
                }
            };
            match found {
                Some(found) => {
                    for (r, value) in found.iter() {
                        block.rows_mut()[r][c] ^= value;
                        self.report.po_corrections += u32::from(value != 0);
                    }
                }
                None => failed.push(c as u8),
            }
        }
        failed
    }

    /// Counts wrong bytes of the rows which PI could not correct.
    fn count_failed(&mut self, received: &EccBlock) {
        if !self.report.is_good() {
            return;
        }
        let Some(right) = &mut self.right else { return };
        right.add_parity();
        for (count, (a, b)) in self
            .report
            .pi_errors
            .iter_mut()
            .zip(received.rows().iter().zip(right.rows()))
        {
            *count = a.iter().zip(b).filter(|(a, b)| a != b).count() as u8;
        }
    }
}

/// Marked symbols as erasures if there are not too many, otherwise errors only.
fn locate_marked(
    code: &ReedSolomon<ROWS, PO>,
    rest: u128,
    marked: &[u8],
) -> Option<super::rs::Corrections> {
    let found = if marked.len() <= PO {
        code.locate(rest, marked)
    } else {
        None
    };
    found.or_else(|| {
        if marked.is_empty() {
            None
        } else {
            code.locate(rest, &[])
        }
    })
}

fn at_least(score: &[u8; ROWS], limit: u8) -> Vec<u8> {
    (0..ROWS)
        .filter(|&r| score[r] >= limit)
        .map(|r| r as u8)
        .collect()
}

/// PI after PO: corrects rows which are not codewords, scores all; gives the number of
/// rows that fail or were changed.
fn rows_again(
    block: &mut EccBlock,
    failed_columns: &[u8],
    mode: &Bad,
    score: &mut [u8; ROWS],
) -> usize {
    let erased = if failed_columns.len() <= PI {
        failed_columns
    } else {
        &[]
    };
    let mut open = 0;
    let rests = block.row_remainders();
    for (r, row) in block.rows_mut().iter_mut().enumerate() {
        let rest = gather(&rests, r);
        if rest == 0 {
            // Only where PO had a say is this news.
            let rewritten = match mode {
                Bad::Rows(rows) => rows.contains(&(r as u8)) && failed_columns.is_empty(),
                Bad::Bytes => failed_columns.is_empty(),
            };
            if rewritten {
                score[r] = 0;
            }
            continue;
        }
        score[r] = match correct_row(row, rest, erased) {
            Some((_, used)) => used,
            None => FAILED,
        };
        open += 1;
    }
    open
}

/// The first sector number most IDs agree on.
fn vote(block: &EccBlock) -> Option<Psn> {
    let numbers: [Option<Psn>; BLOCK_SECTORS] = core::array::from_fn(|i| {
        let (id, corrected) = read_id(*block.rows()[12 * i].first_chunk()?)?;
        (!corrected).then(|| id.psn.minus(i as u32))
    });
    let votes = |psn: Psn| numbers.iter().filter(|n| **n == Some(psn)).count();
    numbers
        .iter()
        .flatten()
        .copied()
        .max_by_key(|&psn| (votes(psn), core::cmp::Reverse(psn)))
}
