//! The normal equations of a handful of sources.

/// Solves `gram * weights = cross` (symmetric, positive semidefinite, row-major n by n) by Gaussian
/// elimination with pivoting. A source without energy gets weight 0; the diagonal is loaded a
/// little, so that two equal sources share the weight instead of making it arbitrary.
pub(super) fn weights(gram: &[f64], cross: &[f64]) -> Vec<f64> {
    let n = cross.len();
    let largest = (0..n).map(|i| gram[i * n + i]).fold(0.0, f64::max);
    let mut a = gram.to_vec();
    let mut b = cross.to_vec();
    for i in 0..n {
        a[i * n + i] += largest * 1e-9;
    }
    let mut order: Vec<usize> = (0..n).collect();
    for step in 0..n {
        let Some(pivot) = (step..n).max_by(|&x, &y| a[order[x] * n + step].abs().total_cmp(&a[order[y] * n + step].abs())) else { break };
        order.swap(step, pivot);
        let row = order[step];
        let head = a[row * n + step];
        if head.abs() <= largest * 1e-12 {
            continue;
        }
        for &below in &order[step + 1..] {
            let factor = a[below * n + step] / head;
            for column in step..n {
                a[below * n + column] -= factor * a[row * n + column];
            }
            b[below] -= factor * b[row];
        }
    }
    let mut x = vec![0.0; n];
    for step in (0..n).rev() {
        let row = order[step];
        let head = a[row * n + step];
        if head.abs() <= largest * 1e-12 {
            continue;
        }
        let known: f64 = (step + 1..n).map(|column| a[row * n + column] * x[column]).sum();
        x[step] = (b[row] - known) / head;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::weights;

    #[test]
    fn independent_sources_are_told_apart() {
        // r = 0.5 s1 + 0 s2 - 2 s3 with correlated sources.
        let gram = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let truth = [0.5, 0.0, -2.0];
        let cross: Vec<f64> = (0..3).map(|i| (0..3).map(|j| gram[i * 3 + j] * truth[j]).sum()).collect();
        for (got, want) in weights(&gram, &cross).iter().zip(truth) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    fn a_silent_source_has_no_weight_and_equal_sources_share() {
        let w = weights(&[2.0, 0.0, 0.0, 0.0], &[2.0, 0.0]);
        assert!((w[0] - 1.0).abs() < 1e-6 && w[1] == 0.0, "{w:?}");
        let w = weights(&[1.0, 1.0, 1.0, 1.0], &[1.0, 1.0]);
        assert!((w[0] - 0.5).abs() < 1e-3 && (w[1] - 0.5).abs() < 1e-3, "{w:?}");
        assert!(weights(&[], &[]).is_empty());
        assert_eq!(weights(&[0.0], &[0.0]), [0.0]);
    }
}
