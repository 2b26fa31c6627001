"""The checked table: what the engine means, sentence by sentence, and the tests that prove it.

An entry is a sentence in a few words, in the order of the document, and what proves it: names of
test functions, wherever under ``tests`` they are, or the work that will bring it (`LATER`), or
both where a part is missing. ``tests/house/test_sentences.py`` reads it. A row of the examples has
its number in front.
"""

LATER = frozenset(
    {
        "cancel",
        "claims",
        "store and resume",
        "timeouts and isolation",
    }
)

ONE_TASK_RUN = (
    (
        "each step returns a state; a finished one ends the walk, what the call made goes further",
        "test_only_failures_are_retried",
        "test_what_is_never_retried",
    ),
    ("an exception in a step of ours is Crashed", "test_classes_of_the_users_that_raise"),
    ("1 scheduled in the future: back to the driver", "test_24_a_retry_starts_when_it_is_due"),
    ("2 any upstream unfinished: Pending", "test_an_upstream_on_its_way_sends_a_task_run_back"),
    (
        "2 a mapped upstream counts as its children, over a mapped edge as that of the same index",
        "test_a_trigger_counts_the_children_of_a_map",
        "test_a_lane_asks_its_own_upstreams",
    ),
    (
        "3 the trigger sees states of task runs; constants never count",
        "test_8_a_constant_is_not_counted",
        "test_constants_never_count",
        "test_what_a_trigger_of_the_users_is_asked",
    ),
    (
        "3 nothing upstream: every trigger passes, but manual_only pauses",
        "test_7_with_nothing_upstream_every_trigger_says_yes",
        "test_7_with_nothing_upstream_manual_only_pauses",
    ),
    (
        "3 false or raised: TriggerFailed, with the exception; a signal gives its state",
        "test_triggers_of_the_users",
        "test_triggers_of_the_users_on_a_mapped_parent",
        "test_a_trigger_failure_carries_the_exception",
        "test_a_trigger_that_raises_fail_fails_its_task_run",
    ),
    ("3 a trigger failure is never retried", "test_what_is_never_retried"),
    (
        "4 any upstream skipped and none failed: Skipped",
        "test_3_a_skip_skips_what_depends_on_it",
        "test_4_a_skip_can_be_passed_over",
        "test_every_trigger_on_every_pair_of_states",
    ),
    (
        "4 failure outranks skip",
        "test_10_a_failure_outranks_a_skip",
        "test_every_trigger_on_every_pair_of_states",
    ),
    (
        "5 what is known already stands, and is not asked again",
        "test_a_known_state_stands",
        "test_neither_trigger_nor_skip_is_asked_again",
        "test_children_that_are_known",
        "store and resume",
    ),
    (
        "6 a hit is Cached and does not run",
        "test_29_a_cache_by_inputs",
        "test_a_hit_is_a_success_downstream",
    ),
    ("6 the trigger was asked before the cache", "test_the_trigger_is_asked_before_the_cache"),
    ("7 the claim, for once= and on_lost='crash'", "claims"),
    ("8 a successful upstream passes its value", "test_what_downstream_gets"),
    (
        "8 a failed one its exception (TriggerFailed: a TriggerFailedError), a skipped one None",
        "test_what_downstream_gets",
        "test_a_reduce_gets_what_its_trigger_lets_through",
        "test_exceptions_and_none_are_passed_on_in_lanes",
    ),
    (
        "9 serializability is checked the same everywhere; durable results are written",
        "test_a_value_that_cannot_travel",
        "test_the_result_of_fail_must_travel_too",
        "test_a_durable_value_is_the_value",
        "test_a_resumed_run_reads_what_was_kept",
        "test_storage_that_cannot_be_written",
    ),
    (
        "9 unserializable: Crashed, naming task and type, only this task run",
        "test_a_value_that_cannot_travel",
        "test_a_value_that_cannot_travel_in_a_lane",
    ),
    (
        "9 an exception that cannot travel becomes a portable record",
        "test_an_exception_that_cannot_travel",
        "test_an_exception_that_cannot_be_shown",
    ),
    (
        "10 cache write, retry, loop",
        "test_21_a_retry_repeats_one_body_only",
        "test_a_retried_task_run_is_kept_when_it_succeeds",
        "test_of_a_loop_the_last_value_is_kept",
        "test_26_a_loop_accumulates",
    ),
)

WAYS_TO_END = (
    ("returned: Success", "test_the_states_are_the_public_ones"),
    (
        "raised: Failed; retried while retries are left and the rules agree",
        "test_retries_are_used_up",
        "test_which_failures_are_retried",
    ),
    (
        "SystemExit and other BaseExceptions: Failed likewise",
        "test_32_no_exception_leaves_the_task_run",
        "test_a_body_cannot_end_its_worker",
    ),
    (
        "a SIGINT that the engine receives cancels the run",
        "test_ctrl_c_while_a_body_runs_in_the_main_thread",
        "test_ctrl_c_while_bodies_run_in_threads",
    ),
    (
        "ran past its timeout: TimedOut, retried like Failed",
        "test_a_python_loop_is_interrupted",
        "test_a_timeout_in_a_lane",
        "test_what_took_too_long_is_retried_like_a_failure",
        "test_a_call_into_c_ends_late_and_says_so",
    ),
    (
        "process died, worker lost, memory: Crashed(reason), repeated from infra_retries",
        "test_a_body_that_always_kills_its_worker_ends",
        "claims",
        "timeouts and isolation",
    ),
    (
        "Fail and Skip give their state; Fail is retried and passes its result",
        "test_which_failures_are_retried",
        "test_what_downstream_gets",
        "test_a_child_that_fails_with_a_result_passes_it_on",
        "test_14_a_skipped_lane_skips_its_own_lane",
    ),
    (
        "Succeed, Retry, Pause and Loop give their state",
        "test_signals_end_a_task_run",
        "test_signals_in_lanes",
        "test_retry_is_no_failure",
        "test_27_a_pause_in_a_map",
        "test_26_a_loop_accumulates",
    ),
    (
        "signals are BaseExceptions",
        "test_a_skip_inside_a_task_is_no_exception_to_swallow",
        "test_except_exception_lets_a_signal_pass",
    ),
    ("a signal's result is None by default", "test_a_signal_needs_no_words"),
    (
        "async functions are tasks, each call in a loop of its own",
        "test_coroutines_are_awaited",
        "test_what_coroutines_raise",
        "test_many_at_a_time_in_one_coroutine",
        "test_a_timeout_ends_what_is_awaited",
        "test_a_caller_with_a_loop_that_runs",
        "test_a_coroutine_calls_a_flow",
    ),
    ("retries=n is n + 1 attempts", "test_retries_are_used_up"),
    (
        "the delay is a number, a list, a function of the attempt; the factor spreads it",
        "test_delays",
        "test_jitter_spreads_the_delay",
    ),
    (
        "not retried: TriggerFailed, errors of handlers, Skipped, Crashed(unserializable)",
        "test_what_is_never_retried",
        "test_a_value_that_cannot_travel",
        "test_a_handler_that_goes_wrong_fails_its_task_run",
    ),
    (
        "Retry ignores retries, up to a setting",
        "test_retry_costs_no_retries",
        "test_retry_ends_at_a_setting",
        "test_retry_in_lanes",
    ),
    ("on_failure once, when it is final; on_retry each time", "test_hooks_of_a_retry"),
    ("a retry starts when it is due", "test_24_a_retry_starts_when_it_is_due"),
    (
        "siblings and downstream do not run again; the upstream values are the first ones",
        "test_21_a_retry_repeats_one_body_only",
        "test_a_retry_sees_the_values_of_the_first_attempt",
        "test_a_retry_in_a_lane_runs_alone",
    ),
    (
        "Loop: count and result are seen; retries are per iteration; no recursion",
        "test_26_a_loop_accumulates",
        "test_loops_in_lanes",
        "test_retries_are_for_each_iteration",
        "test_the_timeout_is_for_each_iteration",
        "test_ten_thousand_iterations_do_not_recurse",
    ),
    (
        "Pause and manual_only: Paused until approved, or for seconds",
        "test_27_a_pause_in_a_map",
        "test_a_pause_for_seconds_goes_on_by_itself",
        "test_a_pause_for_seconds_can_be_approved_sooner",
    ),
    (
        "each mapped child is approved by its index, or all",
        "test_27_a_pause_in_a_map",
        "test_a_pause_holds_up_its_own_lane_only",
    ),
    (
        "after approval manual_only runs whatever happened upstream",
        "test_manual_only_pauses_whatever_happened_upstream",
        "test_a_second_trigger_asks_for_less_than_approval",
    ),
)

TRIGGERS = (
    (
        "all_successful, all_failed, all_finished, any_successful, any_failed",
        "test_every_trigger_on_every_pair_of_states",
        "test_always_run_is_another_word",
    ),
    (
        "some_successful, some_failed: an int counts, a float is a share",
        "test_some_successful_and_some_failed",
        "test_a_share_is_exact",
    ),
    (
        "not_all_skipped: all skipped is Skipped; it lets single skips through",
        "test_every_trigger_on_every_pair_of_states",
        "test_one_trigger_looks_at_skips_itself",
    ),
    (
        "manual_only",
        "test_manual_only_pauses_whatever_happened_upstream",
        "test_manual_only_in_a_map",
    ),
    (
        "any function of {Edge: State}",
        "test_what_a_trigger_of_the_users_is_asked",
        "test_triggers_of_the_users",
        "test_triggers_in_lanes_see_their_own_lane",
    ),
    (
        "Skipped, Cached and Mapped count as successful, TriggerFailed and its kin as failed",
        "test_6_a_trigger_failure_counts_as_failed",
        "test_what_each_kind_counts_as",
        "test_a_mapped_input_counts_as_one_success",
    ),
    ("Cancelled counts as neither", "test_what_each_kind_counts_as"),
)

MAPPING = (
    (
        "every argument of .map is mapped unless wrapped in unmapped",
        "test_17_an_unmapped_argument",
        "test_a_map_needs_a_mapped_argument",
        "test_children_ask_what_they_get_whole",
    ),
    (
        "wait_for in .map is lane-wise where x is mapped",
        "test_waiting_lane_by_lane",
        "test_waiting_in_lanes",
    ),
    (
        "an x that is not mapped, or unmapped(x), is waited for whole by each child",
        "test_waiting_lane_by_lane",
        "test_18_each_child_asks_what_is_unmapped",
        "test_children_ask_what_they_get_whole",
    ),
    ("its value is never indexed", "test_waiting_never_indexes_the_value"),
    (
        "all mapped inputs have the same length, else the parent failed, naming the lengths",
        "test_16_lengths_must_agree",
        "test_two_unknown_widths_zipped",
        "test_waiting_lanes_must_be_as_many",
        "test_all_lengths_are_named",
        "test_widths_of_lanes",
    ),
    (
        "mappable: list, tuple, range, numpy and pandas in one dimension, length and position",
        "test_what_can_be_mapped_over",
        "test_a_parameter_can_be_mapped_over",
        "test_a_list_of_nodes_is_mapped_over",
        "test_classes_of_the_users_can_be_mapped_over",
    ),
    (
        "text, bytes, dict, set, None, a generator, a frame: Failed, with the cure",
        "test_what_cannot_be_mapped_over",
        "test_a_parameter_that_cannot_be_mapped_over",
        "test_a_constant_that_cannot_be_mapped_over",
        "test_a_generator_cannot_be_mapped_over",
        "test_classes_of_the_users_that_raise",
    ),
    (
        "empty: no children and the result []; a reduce gets []",
        "test_15_an_empty_map",
        "test_a_width_of_nothing",
        "test_no_lanes",
    ),
    (
        "a map over a mapped task is lane by lane; a child stops its own lane only",
        "test_12_maps_of_maps_and_a_reduce",
        "test_13_a_failed_lane_stops_its_own_lane",
        "test_14_a_skipped_lane_skips_its_own_lane",
        "test_lists_within_a_list_of_nodes",
        "test_lanes_over_a_list_of_nodes",
    ),
    (
        "a plain edge from a mapped task gets the list in order, None and exceptions in it",
        "test_a_reduce_gets_what_its_trigger_lets_through",
        "test_13_a_failed_lane_stops_its_own_lane",
        "test_14_a_skipped_lane_skips_its_own_lane",
        "test_a_child_that_fails_with_a_result_passes_it_on",
        "test_what_stops_in_a_lane_stops_there",
    ),
    (
        "its trigger sees all children",
        "test_a_trigger_counts_the_children_of_a_map",
        "test_a_reduce_sees_all_children",
    ),
    (
        "the edge is skipped only when all children were",
        "test_14_a_reduce_is_skipped_when_all_children_were",
        "test_a_reduce_sees_all_children",
        "test_what_is_skipped_in_a_lane_is_skipped_there",
    ),
    (
        "successful(x) passes only values of children that succeeded and were not skipped",
        "test_14_a_reduce_of_what_was_successful",
        "test_successful_of_a_map_without_children",
        "test_successful_belongs_around_mapped_results",
        "test_lanes_within_lanes_within_lanes",
    ),
    (
        "the parent is Mapped and like a success, whatever its children became",
        "test_a_mapped_task_is_a_success_and_its_children_decide",
        "test_a_mapped_input_counts_as_one_success",
    ),
    (
        "children decide the flow",
        "test_20_a_failed_child_fails_the_flow",
        "test_a_mapped_task_is_a_success_and_its_children_decide",
    ),
    (
        "trigger and skip rule of the parent are asked of what gives its width",
        "test_the_parent_asks_what_gives_the_width",
        "test_nothing_can_be_mapped_over_where_the_width_never_comes",
        "test_triggers_of_the_users_on_a_mapped_parent",
        "test_the_parent_of_a_map_in_a_lane_is_asked_in_its_lane",
        "test_widths_of_lanes",
    ),
    (
        "there a mapped input counts as one success, never as its children",
        "test_a_mapped_input_counts_as_one_success",
        "test_triggers_in_lanes_see_their_own_lane",
    ),
    (
        "unmapped inputs, and what is waited for whole, are asked by each child",
        "test_18_each_child_asks_what_is_unmapped",
        "test_children_ask_what_they_get_whole",
        "test_a_lane_asks_its_own_upstreams",
    ),
    (
        "flatten takes one level out, of a value or of mapped results",
        "test_19_lists_are_flattened_into_lanes",
        "test_parts_of_a_value_and_of_mapped_results",
        "test_what_cannot_be_taken_apart",
        "test_outside_of_flows_and_of_constants",
        "test_the_lists_of_lanes_are_flattened",
        "test_lists_are_flattened_in_lanes",
        "test_flattened_lanes_are_lanes_like_others",
        "test_a_retry_before_and_behind",
    ),
    (
        "a failed or skipped child is one failed or skipped lane of it",
        "test_failed_and_skipped_children_are_lanes",
        "test_the_lists_of_lanes_are_flattened",
    ),
    ("texts and bytes are not taken apart", "test_parts_of_a_value_and_of_mapped_results"),
    (
        "mapped values are indexed on the workers, a large one by slices",
        "test_a_large_value_is_mapped_over",
        "test_children_get_their_elements_of_a_large_list",
        "test_large_values_of_many_kinds",
        "test_parts_and_the_whole_in_one_block",
        "test_blocks_need_their_parts_only",
        "test_nobody_keeps_the_parts_in_this_process",
        "test_nobody_keeps_the_parts_on_a_cluster",
    ),
    (
        "an unmapped value is sent once to each worker, not once to each child",
        "test_what_is_unmapped_is_sent_once_to_each_worker",
    ),
    (
        "a map index is a tuple: [i], in a mapped sub-flow [i, j]",
        "test_children_by_map_index",
        "test_map_indexes",
    ),
    (
        "a flow called inside a flow is inlined, its nodes under its name",
        "test_a_flow_inside_a_flow",
        "test_an_inlined_flow",
        "test_arguments_of_an_inlined_flow_are_checked_while_tracing",
        "test_no_node_has_the_name_of_a_mapped_flow",
    ),
    (
        "subflow.map runs the whole sub-graph lane by lane",
        "test_lanes_run_the_whole_of_a_flow",
        "test_what_stops_in_a_lane_stops_there",
        "test_what_is_skipped_in_a_lane_is_skipped_there",
        "test_exceptions_and_none_are_passed_on_in_lanes",
        "test_a_retry_in_a_lane_runs_alone",
        "test_what_lies_around_can_be_used_in_lanes",
        "test_waiting_in_lanes",
        "test_what_a_lane_gives_back",
        "test_defaults_of_a_mapped_flow_are_given_whole",
        "test_a_mapped_flow_needs_a_mapped_argument_and_a_flow_around_it",
    ),
    (
        ".map inside of a mapped sub-flow",
        "test_lanes_run_the_whole_of_a_flow",
        "test_lanes_within_lanes_within_lanes",
        "test_lanes_over_lists_of_parameters",
        "test_lanes_over_what_lanes_gave_back",
        "test_no_lanes",
    ),
    (
        "case inside of a mapped sub-flow",
        "test_cases_in_a_mapped_flow",
        "test_a_switch_in_lanes",
        "test_a_resource_in_each_lane_and_in_a_case",
    ),
)

CONTROL_FLOW = (
    (
        "case blocks, switch, ifelse",
        "test_34_cases_and_a_merge",
        "test_cases_in_cases",
        "test_an_inlined_flow_in_a_case",
        "test_graphs_by_hand_keep_their_cases",
        "test_a_switch",
        "test_a_switch_over_what_was_called_before",
        "test_ifelse",
    ),
    (
        "merge gives the first branch that was not skipped, in the given order, also None or 0",
        "test_merge_takes_the_first_that_was_not_skipped",
    ),
    (
        "merge of skipped branches is Skipped, of a failed one TriggerFailed",
        "test_merge_takes_the_first_that_was_not_skipped",
        "test_merge_of_a_branch_that_failed",
    ),
    (
        "what is in a case that did not match is Skipped, whatever it says of skips",
        "test_nothing_in_a_case_runs_where_it_does_not_match",
        "test_maps_in_a_case",
        "test_a_mapped_flow_in_a_case",
        "test_a_case_behind_a_skip",
    ),
    (
        "values match by ==, booleans only booleans",
        "test_what_matches",
    ),
    (
        "a comparison that raises or has no truth value makes the branch fail, naming it",
        "test_what_cannot_be_compared",
        "test_a_comparison_without_a_truth_value_fails_its_case",
        "test_a_case_that_is_not_decided",
    ),
    (
        "resource managers: setup, use, cleanup whenever setup succeeded, after failures",
        "test_cleanup_whenever_setup_succeeded",
        "test_what_is_inside_comes_between_setup_and_cleanup",
        "test_a_resource_in_each_lane_and_in_a_case",
    ),
    ("cleanup after cancellation and on resume", "cancel", "store and resume"),
    ("a retry inside does not run setup again", "test_35_a_resource_manager_with_a_retry"),
)

THE_FLOWS_STATE = (
    (
        "reference tasks decide, by default the terminal ones, cleanup excepted",
        "test_9_reference_tasks_decide",
        "test_reference_tasks",
        "test_reference_tasks_must_exist",
        "test_reference_tasks_with_cleanup",
    ),
    (
        "any failed: Failed; else any cancelled: Cancelled; else Success",
        "test_failed_outranks_cancelled_outranks_success",
        "test_20_a_failed_child_fails_the_flow",
    ),
    ("not finished until all terminal tasks are", "test_9_reference_tasks_decide"),
    ("Running while a driver has it", "test_events_tell_what_was_not_happy"),
    ("parked: Paused, Scheduled or Crashed, told by the lease", "store and resume"),
    (
        "run() gives the FlowRun, f() raises and names approve; approve goes on there",
        "test_what_a_parked_run_says",
        "test_a_submitted_run_goes_on_in_the_background",
        "test_approval_while_the_run_is_live",
    ),
    (
        "resume continues the same run, from some states",  # so far from Paused and a lost driver
        "test_a_resumed_run_reads_what_was_kept",
        "test_the_driver_is_killed",
        "store and resume",
    ),
    ("rerun makes a new run, of what failed or from a task on", "store and resume"),
    ("a Failed or Success run is final; the error names rerun", "store and resume"),
    ("resume matches nodes by name", "store and resume"),
    (
        "the first Ctrl-C cancels and prints the resume line; a second leaves at once",
        "test_ctrl_c_in_a_call_of_a_flow",
        "cancel",
    ),
    (
        "whatever goes wrong, the states of all task runs are there to read",
        "test_a_body_that_always_kills_its_worker_ends",
        "test_a_scheduler_killed_in_the_midst_ends_the_run",
        "test_ctrl_c_while_a_body_runs_in_the_main_thread",
    ),
    (
        "state handlers may replace the new state; one that raises makes it Failed",
        "test_28_a_handler_rescues_a_failure",
        "test_what_a_handler_makes_of_a_success",
        "test_a_handler_that_goes_wrong_fails_its_task_run",
        "test_a_flows_handler_replaces_the_end",
        "test_a_flows_handler_that_raises",
    ),
    (
        "a task's handlers run where the change is made, a flow's in the driver",
        "test_a_tasks_handlers_run_on_the_worker",
        "test_handlers_at_approval_and_rejection",
        "test_handlers_at_cancellation",
        "test_a_flows_handlers_and_hooks",
    ),
    (
        "on_... hooks observe only; their errors are logged",
        "test_hooks_of_all_ends",
        "test_a_hook_that_raises_is_logged",
    ),
)

CACHING = (
    (
        "a cache is a durable result found under a key",
        "test_29_a_cache_by_inputs",
        "test_equal_calls_behind_one_another_in_a_run",
        "store and resume",
    ),
    (
        "cache_policy=: inputs and source by default, composable",
        "test_the_default_goes_by_the_source_too",
        "test_inputs_alone_go_by_the_name_of_the_task",
        "test_an_argument_can_be_left_out",
        "test_run_id_keeps_a_cache_within_its_run",
        "test_flow_parameters_go_into_the_key",
        "test_a_function_can_make_the_key",
        "test_a_key_of_the_users",
        "test_a_result_expires",
        "test_what_the_words_of_a_task_come_to",
    ),
    (
        "keys are hashes; an argument without a certain one is an error that names it",
        "test_keys_are_the_same_in_every_process",
        "test_an_argument_that_cannot_be_hashed",
        "test_a_policy_that_raises",
    ),
    (
        "mapped children are keyed by their own inputs",
        "test_mapped_children_are_keyed_by_their_own_inputs",
        "test_lanes_and_their_maps",
    ),
    (
        "None is cached; skips and failures never are",
        "test_none_is_a_value",
        "test_what_is_never_kept",
        "test_what_a_state_handler_made_a_success_is_not_kept",
    ),
    (
        "caches are in the store: they outlive the process",  # so far they outlive the run
        "test_flows_share_the_store_of_the_process",
        "store and resume",
    ),
    (
        "why explains a miss",  # so far what it needs is noted
        "test_what_a_key_was_made_of_is_noted",
        "store and resume",
    ),
)

EXAMPLES = (
    ("1 boom, ident, ident", "test_1_a_failure_stops_what_depends_on_it"),
    ("2 all_finished behind a failure", "test_2_a_failure_can_be_handled"),
    ("3 all_finished behind a skip", "test_3_a_skip_skips_what_depends_on_it"),
    ("4 a skip passed over", "test_4_a_skip_can_be_passed_over"),
    ("5 one failed, one succeeded", "test_5_one_failed_and_one_succeeded"),
    ("6 all_failed behind a TriggerFailed", "test_6_a_trigger_failure_counts_as_failed"),
    (
        "7 roots",
        "test_7_with_nothing_upstream_every_trigger_says_yes",
        "test_7_with_nothing_upstream_manual_only_pauses",
    ),
    ("8 a constant and all_failed", "test_8_a_constant_is_not_counted"),
    ("9 reference tasks", "test_9_reference_tasks_decide"),
    ("10 a failure and a skip", "test_10_a_failure_outranks_a_skip"),
    ("11 a cancelled reference task", "test_failed_outranks_cancelled_outranks_success", "cancel"),
    ("12 maps and a reduce", "test_12_maps_of_maps_and_a_reduce"),
    ("13 a child that fails", "test_13_a_failed_lane_stops_its_own_lane"),
    (
        "14 a child that is skipped",
        "test_14_a_skipped_lane_skips_its_own_lane",
        "test_14_a_reduce_is_skipped_when_all_children_were",
        "test_14_a_reduce_of_what_was_successful",
    ),
    ("15 an empty map", "test_15_an_empty_map"),
    ("16 two lengths", "test_16_lengths_must_agree"),
    ("17 unmapped", "test_17_an_unmapped_argument"),
    ("18 waiting for an unmapped failure", "test_18_each_child_asks_what_is_unmapped"),
    ("19 flatten", "test_19_lists_are_flattened_into_lanes"),
    ("20 a terminal map", "test_20_a_failed_child_fails_the_flow"),
    ("21 a retry, its sibling and downstream", "test_21_a_retry_repeats_one_body_only"),
    ("22 retry_on", "test_22_only_the_exceptions_named_are_retried"),
    ("23 a retry in a map", "test_23_a_retry_in_a_lane"),
    ("24 a retry beside a long task", "test_24_a_retry_starts_when_it_is_due"),
    ("25 a timeout", "timeouts and isolation"),
    ("26 a loop", "test_26_a_loop_accumulates"),
    ("27 a pause in a map", "test_27_a_pause_in_a_map"),
    ("28 a handler that rescues", "test_28_a_handler_rescues_a_failure"),
    ("29 a cache by inputs", "test_29_a_cache_by_inputs"),
    ("30 a worker killed behind accepted children", "test_30_what_was_accepted_runs_once"),
    ("31 a task that kills its worker", "test_31_a_body_that_always_kills_its_worker"),
    (
        "32 sys.exit and BaseExceptions",
        "test_32_no_exception_leaves_the_task_run",
        "test_32_a_worker_survives_sys_exit",
    ),
    (
        "33 a lock, an exception that cannot be unpickled",
        "test_a_value_that_cannot_travel",
        "test_a_value_that_cannot_travel_in_a_lane",
        "test_an_exception_that_cannot_be_unpickled",
    ),
    ("34 case and merge", "test_34_cases_and_a_merge"),
    ("35 a resource manager with a retry", "test_35_a_resource_manager_with_a_retry"),
    ("36 wrong parameters", "test_36_nothing_runs_on_wrong_parameters"),
    ("37 a cycle", "test_a_circle_is_named"),
)

# by the number of their section
SENTENCES = {
    1: ONE_TASK_RUN,
    2: WAYS_TO_END,
    3: TRIGGERS,
    4: MAPPING,
    5: CONTROL_FLOW,
    6: THE_FLOWS_STATE,
    7: CACHING,
    8: EXAMPLES,
}
