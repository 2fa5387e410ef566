"""What must hold, whatever happens: each guarantee by the number and name that it has on the list, with the tests that prove it.

A test is proof when it fails once the guarantee is broken on purpose. `test_guarantees.py` holds this table against the files.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One line of the list; `proofs` are node ids without parameters, from the root of the repository."""

    number: int
    name: str
    proofs: tuple[str, ...]


COUNT = 54
# number -> what it waits for
LATER: dict[int, str] = {}

_API = "tests/api"
_ENGINE = "tests/engine"
_HOSTILE = "tests/hostile"
_TOGETHER = "tests/integration"

RELIABILITY = (
    Guarantee(
        1,
        "test_intent_row_exists_before_upstream_call",
        (f"{_ENGINE}/test_submission.py::test_intent_row_exists_before_upstream_call",),
    ),
    Guarantee(
        2,
        "test_crash_after_accept_before_commit_is_recovered_or_flagged",
        (f"{_HOSTILE}/test_kill.py::test_crash_after_accept_before_commit_is_recovered_or_flagged",),
    ),
    Guarantee(
        3,
        "test_ambiguous_create_timeout_is_never_resubmitted",
        (
            f"{_ENGINE}/test_submission.py::test_ambiguous_create_timeout_is_never_resubmitted",
            f"{_ENGINE}/test_http_carrier.py::test_ambiguous_create_timeout_is_never_resubmitted",
            f"{_HOSTILE}/test_faults.py::test_a_create_whose_answer_is_lost_is_flagged_and_asked_nowhere_again",
        ),
    ),
    Guarantee(4, "test_connect_refused_fails_over_once", (f"{_HOSTILE}/test_faults.py::test_connect_refused_fails_over_once",)),
    Guarantee(
        5,
        "test_429_and_503_fail_over_without_double_charge",
        (
            f"{_ENGINE}/test_money.py::test_429_and_503_fail_over_without_double_charge",
            f"{_HOSTILE}/test_faults.py::test_429_and_503_fail_over_without_double_charge",
        ),
    ),
    Guarantee(
        6,
        "test_same_idempotency_key_100_parallel_creates_one_upstream_job",
        (f"{_API}/test_idempotency.py::test_same_idempotency_key_100_parallel_creates_one_upstream_job",),
    ),
    Guarantee(7, "test_same_key_other_body_is_400", (f"{_API}/test_idempotency.py::test_same_key_other_body_is_400",)),
    Guarantee(
        8, "test_idempotent_replay_returns_same_bytes", (f"{_API}/test_idempotency.py::test_idempotent_replay_returns_same_bytes",)
    ),
    Guarantee(
        9,
        "test_two_pollers_one_settlement",
        (
            f"{_HOSTILE}/test_settlement_races.py::test_two_pollers_one_settlement",
            f"{_ENGINE}/test_poll.py::test_two_pollers_one_end",
        ),
    ),
    Guarantee(
        10,
        "test_get_and_poller_race_settles_exactly_once",
        (f"{_HOSTILE}/test_settlement_races.py::test_get_and_poller_race_settles_exactly_once",),
    ),
    Guarantee(
        11,
        "test_poll_html_error_page_keeps_job_running",
        (f"{_HOSTILE}/test_faults.py::test_poll_html_error_page_keeps_job_running",),
    ),
    Guarantee(
        12, "test_poll_401_parks_credential_not_job", (f"{_ENGINE}/test_submission.py::test_poll_401_parks_credential_not_job",)
    ),
    Guarantee(13, "test_poll_404_three_times_then_failed", (f"{_ENGINE}/test_poll.py::test_poll_404_three_times_then_failed",)),
    Guarantee(
        14,
        "test_usage_field_type_drift_int_str_null",
        ("tests/adapters/test_drifting_answers.py::test_usage_field_type_drift_int_str_null",),
    ),
    Guarantee(
        15,
        "test_unknown_vendor_status_keeps_previous_state",
        (
            "tests/adapters/test_drifting_answers.py::test_unknown_vendor_status_keeps_previous_state",
            f"{_ENGINE}/test_poll.py::test_transient_poll_errors_never_end_a_job",
        ),
    ),
    Guarantee(
        15,
        "test_done_but_all_filtered_is_failure_with_refund",
        (f"{_ENGINE}/test_withheld.py::test_done_but_all_filtered_is_failure_with_refund",),
    ),
    Guarantee(
        16,
        "test_multi_key_channel_polls_with_creating_key",
        (f"{_ENGINE}/test_poll.py::test_multi_key_channel_polls_with_creating_key",),
    ),
    Guarantee(
        17,
        "test_key_rotated_or_channel_deleted_midflight",
        (
            f"{_ENGINE}/test_poll.py::test_key_rotated_or_channel_deleted_midflight",
            f"{_API}/admin/test_channels.py::test_deleting_a_channel_lets_its_running_job_finish",
            f"{_API}/admin/test_channels.py::test_a_removed_credential_stays_for_its_running_job_and_for_no_other",
        ),
    ),
    Guarantee(
        18,
        "test_1000_open_jobs_completion_lag_p99",
        (f"{_ENGINE}/test_poll_lag.py::test_1000_open_jobs_completion_lag_p99",),
    ),
    Guarantee(
        19, "test_one_hung_vendor_does_not_delay_others", (f"{_ENGINE}/test_poll.py::test_one_hung_vendor_does_not_delay_others",)
    ),
    Guarantee(
        20,
        "test_deadline_then_late_success_is_reconciled",
        (f"{_ENGINE}/test_late.py::test_deadline_then_late_success_is_reconciled",),
    ),
    Guarantee(
        21,
        "test_gateway_behind_gateway_roundtrip",
        (
            f"{_TOGETHER}/test_two_in_a_row.py::test_gateway_behind_gateway_roundtrip",
            f"{_TOGETHER}/test_two_in_a_row.py::test_pictures_come_through_both",
            f"{_TOGETHER}/test_two_in_a_row.py::test_a_failure_behind_is_a_failure_in_front",
            f"{_TOGETHER}/test_two_in_a_row.py::test_a_create_that_was_lost_behind_is_repeated_by_nobody",
        ),
    ),
    Guarantee(
        22,
        "test_clock_jump_backward_and_forward",
        (
            f"{_ENGINE}/test_poll.py::test_clock_jump_backward_and_forward",
            f"{_ENGINE}/test_heartbeats.py::test_a_clock_that_jumps_takes_no_job_from_a_living_process",
        ),
    ),
    Guarantee(
        23,
        "test_sqlite_busy_and_postgres_failover_during_poll",
        (f"{_HOSTILE}/test_faults_database.py::test_sqlite_busy_and_postgres_failover_during_poll",),
    ),
    Guarantee(
        24,
        "test_rolling_restart_zero_failed_requests",
        (f"{_HOSTILE}/test_rolling_restart.py::test_rolling_restart_zero_failed_requests",),
    ),
)

MONEY = (
    Guarantee(
        25,
        "test_ledger_sums_to_zero_for_failed_jobs",
        (
            f"{_ENGINE}/test_money.py::test_ledger_sums_to_zero_for_failed_jobs",
            f"{_ENGINE}/test_ledger_machine.py::test_ledger_is_right_whatever_happens",
        ),
    ),
    Guarantee(
        26,
        "test_hold_released_on_panic_in_every_handler_stage",
        (f"{_ENGINE}/test_money.py::test_hold_released_on_panic_in_every_handler_stage",),
    ),
    Guarantee(
        27,
        "test_client_balance_error_never_penalises_channel",
        (f"{_ENGINE}/test_submission.py::test_client_balance_error_never_penalises_channel",),
    ),
    Guarantee(
        28,
        "test_price_seconds_x_resolution_x_audio_matrix",
        ("tests/domain/test_decisions.py::test_price_seconds_x_resolution_x_audio_matrix",),
    ),
    Guarantee(
        29,
        "test_balance_never_negative_under_100_parallel_creates",
        (f"{_ENGINE}/test_money.py::test_balance_never_negative_under_100_parallel_creates",),
    ),
)

SECURITY = (
    Guarantee(
        30,
        "test_badhost_header_cannot_change_auth_outcome",
        (
            f"{_HOSTILE}/test_security.py::test_badhost_header_cannot_change_auth_outcome",
            f"{_API}/test_access.py::test_badhost_header_cannot_change_auth_outcome",
            f"{_API}/admin/test_access.py::test_badhost_header_cannot_change_auth_outcome",
        ),
    ),
    Guarantee(
        31,
        "test_every_job_route_404_for_foreign_owner",
        (
            f"{_HOSTILE}/test_security.py::test_every_job_route_404_for_foreign_owner",
            f"{_HOSTILE}/test_security.py::test_another_keys_job_is_no_source_wherever_its_id_stands",
            f"{_HOSTILE}/test_security.py::test_the_route_table_was_found",
        ),
    ),
    Guarantee(
        32,
        "test_every_admin_route_403_for_user_key",
        (
            f"{_HOSTILE}/test_security.py::test_every_admin_route_403_for_user_key",
            f"{_API}/admin/test_access.py::test_every_admin_route_403_for_user_key",
        ),
    ),
    Guarantee(
        33,
        "test_ssrf_corpus",
        (
            f"{_ENGINE}/test_guard.py::test_ssrf_corpus",
            f"{_ENGINE}/test_guard.py::test_a_name_with_any_private_address_is_blocked",
            f"{_ENGINE}/test_fetch.py::test_a_name_that_changes_its_mind_is_asked_once_and_pinned",
            f"{_ENGINE}/test_fetch.py::test_redirect_to_private_blocked_on_reference_fetch",
            f"{_ENGINE}/test_fetch.py::test_a_loop_of_redirects_ends",
        ),
    ),
    Guarantee(
        34,
        "test_redirect_to_private_blocked_on_reference_fetch_webhook_and_content",
        (
            f"{_HOSTILE}/test_security_files.py::test_redirect_to_private_blocked_on_reference_fetch",
            f"{_HOSTILE}/test_security_files.py::test_redirect_to_private_blocked_on_content",
            f"{_ENGINE}/test_content.py::test_redirect_to_private_blocked_on_content",
            f"{_ENGINE}/test_fetch.py::test_redirect_to_private_blocked_on_webhook",
            f"{_ENGINE}/test_webhooks.py::test_redirect_to_private_blocked_on_webhook",
        ),
    ),
    Guarantee(
        35,
        "test_client_fields_cannot_set_host_key_or_headers",
        (
            f"{_HOSTILE}/test_security.py::test_client_fields_cannot_set_host_key_or_headers",
            "tests/adapters/test_contract.py::test_no_client_field_reaches_model_callback_or_credentials",
        ),
    ),
    Guarantee(
        36,
        "test_no_secret_in_logs_errors_traces_or_db_dump",
        (f"{_HOSTILE}/test_canaries.py::test_no_secret_in_logs_errors_traces_or_db_dump",),
    ),
    Guarantee(
        37,
        "test_keys_stored_as_hash_and_compared_constant_time",
        (
            f"{_HOSTILE}/test_key_storage.py::test_keys_stored_as_hash_and_compared_constant_time",
            f"{_API}/admin/test_keys.py::test_keys_stored_as_hash_and_compared_constant_time",
        ),
    ),
    Guarantee(
        38,
        "test_sql_metacharacters_in_bearer",
        (
            f"{_HOSTILE}/test_security.py::test_sql_metacharacters_in_bearer",
            f"{_API}/admin/test_access.py::test_sql_metacharacters_in_bearer",
        ),
    ),
    Guarantee(39, "test_like_wildcards_bounded", (f"{_API}/admin/test_jobs.py::test_like_wildcards_bounded",)),
    Guarantee(
        40,
        "test_empty_webhook_secret_disables_feature",
        (f"{_ENGINE}/test_webhooks.py::test_empty_webhook_secret_disables_feature",),
    ),
    Guarantee(
        41,
        "test_decompression_and_pixel_bomb_limits",
        (
            f"{_HOSTILE}/test_security_files.py::test_pixel_bombs_are_refused_before_anything_is_decoded",
            f"{_HOSTILE}/test_security_files.py::test_a_decompression_bomb_counts_by_what_comes_out_of_it",
            f"{_HOSTILE}/test_security_files.py::test_an_endless_picture_is_cut_off_at_the_limit",
        ),
    ),
    Guarantee(
        42,
        "test_path_traversal_in_asset_ids",
        (
            f"{_ENGINE}/test_assets.py::test_path_traversal_in_asset_ids",
            f"{_HOSTILE}/test_security_files.py::test_path_traversal_in_asset_names",
            f"{_HOSTILE}/test_security_files.py::test_path_traversal_in_file_tokens",
        ),
    ),
    Guarantee(
        43,
        "test_upstream_headers_allowlist_on_content",
        (
            f"{_HOSTILE}/test_security_files.py::test_upstream_headers_allowlist_on_content",
            f"{_ENGINE}/test_content.py::test_upstream_headers_allowlist_on_content",
        ),
    ),
    Guarantee(
        44,
        "test_wheel_has_no_pth_and_matches_source",
        (
            "tests/test_wheel.py::test_the_wheel_is_the_source_and_the_migrations_and_nothing_else",
            "tests/test_wheel.py::test_the_wheel_changes_nothing_about_the_interpreter",
        ),
    ),
    Guarantee(
        45,
        "test_lockfile_hashes_and_sbom",
        (
            "tests/test_supply_chain.py::test_lockfile_hashes_and_sbom",
            "tests/test_supply_chain.py::test_nothing_but_what_runs_or_builds_is_locked_for_a_release",
            "tests/test_documents.py::test_every_locked_package_has_hashes_and_no_address",
        ),
    ),
)

INTERFACE = (
    Guarantee(
        46,
        "test_official_openai_sdk_videos_images_unmodified",
        (
            f"{_TOGETHER}/test_official_openai_sdk.py::test_a_film_is_created_polled_and_downloaded_in_one_go",
            f"{_TOGETHER}/test_official_openai_sdk.py::test_films_are_listed_page_by_page_in_both_orders",
            f"{_TOGETHER}/test_official_openai_sdk.py::test_a_picture_is_a_link_that_needs_no_key",
            f"{_TOGETHER}/test_official_openai_sdk.py::test_pictures_are_edited",
            f"{_TOGETHER}/test_official_openai_sdk.py::test_previews_and_pictures_stream_as_the_vendor_sends_them",
            f"{_TOGETHER}/test_seed_models.py::test_openais_client_makes_a_film_through_every_vendor",
        ),
    ),
    Guarantee(
        47,
        "test_multipart_image_array_forms",
        (
            f"{_API}/test_images.py::test_multipart_image_array_forms",
            f"{_API}/test_images.py::test_repeated_image_parts_are_several_images",
            f"{_API}/test_images.py::test_a_mask_comes_along",
            f"{_TOGETHER}/test_official_openai_sdk.py::test_pictures_are_edited",  # a list of one
        ),
    ),
    Guarantee(
        48,
        "test_duration_json_int_str_and_multipart",
        (
            f"{_API}/test_lengths.py::test_duration_json_int_str_and_multipart",
            f"{_API}/test_lengths.py::test_what_is_no_length_is_refused_by_its_name",
        ),
    ),
    Guarantee(
        49,
        "test_response_format_honoured_for_every_vendor",
        (f"{_TOGETHER}/test_every_painter.py::test_response_format_honoured_for_every_vendor",),
    ),
    Guarantee(
        50,
        "test_n_greater_than_one_or_clear_400",
        (
            f"{_TOGETHER}/test_every_painter.py::test_n_greater_than_one_or_clear_400",
            f"{_TOGETHER}/test_clients_in_the_wild.py::test_each_of_several_films_has_its_place",
        ),
    ),
    Guarantee(
        51,
        "test_not_ready_content_is_4xx_json_never_200_mp4",
        (
            f"{_HOSTILE}/test_security_files.py::test_not_ready_content_is_4xx_json_never_200_mp4",
            f"{_API}/test_content.py::test_not_ready_content_is_4xx_json_never_200_mp4",
            f"{_HOSTILE}/test_security_files.py::test_an_error_page_of_the_vendor_is_no_video",
        ),
    ),
    Guarantee(
        52,
        "test_range_206_416_if_range_and_head",
        (
            f"{_TOGETHER}/test_clients_in_the_wild.py::test_a_part_of_a_film",
            f"{_TOGETHER}/test_clients_in_the_wild.py::test_a_part_outside_of_the_film",
            f"{_TOGETHER}/test_clients_in_the_wild.py::test_a_download_goes_on_only_while_the_file_is_the_same",
            f"{_ENGINE}/test_content.py::test_a_range_is_served_whether_the_vendor_knows_ranges_or_not",
            f"{_ENGINE}/test_content.py::test_head_has_the_headers_of_get_and_no_body",
        ),
    ),
    Guarantee(
        53,
        "test_webhook_vectors_of_standard_webhooks_libraries",
        (
            f"{_ENGINE}/test_webhooks.py::test_webhook_vectors_of_standard_webhooks_libraries",
            f"{_TOGETHER}/test_webhook_verifiers.py::test_pythons_verifier_takes_what_is_sent",
            f"{_TOGETHER}/test_webhook_verifiers.py::test_openais_verifier_takes_what_is_sent",
            f"{_TOGETHER}/test_webhook_verifiers.py::test_nodes_verifier_takes_what_is_sent",
        ),
    ),
    Guarantee(
        54,
        "test_capability_document_agrees_with_adapter",
        (
            f"{_API}/test_capability_document.py::test_capability_document_agrees_with_adapter",
            f"{_API}/test_capability_document.py::test_a_mode_that_the_document_lacks_is_refused",
            f"{_API}/test_capability_document.py::test_an_input_that_the_document_lacks_or_limits_is_refused",
        ),
    ),
)

GUARANTEES = (*RELIABILITY, *MONEY, *SECURITY, *INTERFACE)
