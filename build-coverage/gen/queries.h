/* Made of the files in host/queries; see host/driver/query.h. */
#ifndef SIGNALBOX_GEN_QUERIES_H
#define SIGNALBOX_GEN_QUERIES_H

#include "driver/query.h"

#define QUERY_COUNT 58
extern const Query *const query_all[];

extern const Query query_claim_due;
extern const Query query_claim_due_of_type;
extern const Query query_claim_end;
extern const Query query_claim_fence;
extern const Query query_claim_fence_set;
extern const Query query_claim_free_expired;
extern const Query query_claim_free_worker;
extern const Query query_claim_held;
extern const Query query_claim_insert;
extern const Query query_claim_renew;
extern const Query query_claim_workers;
extern const Query query_hold_any;
extern const Query query_hold_end;
extern const Query query_hold_end_of_signal;
extern const Query query_hold_end_settled;
extern const Query query_hold_insert;
extern const Query query_hold_signals;
extern const Query query_migration_checksum;
extern const Query query_migration_record;
extern const Query query_migration_state;
extern const Query query_migration_version;
extern const Query query_pending_order_newest;
extern const Query query_pending_order_oldest;
extern const Query query_pending_where_before;
extern const Query query_pending_where_since;
extern const Query query_processing_adopt;
extern const Query query_processing_fail;
extern const Query query_processing_fill;
extern const Query query_processing_insert;
extern const Query query_processing_is_pending;
extern const Query query_processing_push;
extern const Query query_processing_queue;
extern const Query query_processing_reject;
extern const Query query_processing_reopen;
extern const Query query_signal_find;
extern const Query query_signal_get;
extern const Query query_signal_insert;
extern const Query query_signal_is_duplicate;
extern const Query query_signal_key;
extern const Query query_signal_limit;
extern const Query query_signal_order_id;
extern const Query query_signal_order_newest;
extern const Query query_signal_order_oldest;
extern const Query query_signal_select;
extern const Query query_signal_select_claimed;
extern const Query query_signal_select_pending;
extern const Query query_signal_where_before;
extern const Query query_signal_where_key;
extern const Query query_signal_where_since;
extern const Query query_signal_where_source;
extern const Query query_signal_where_status;
extern const Query query_signal_where_type;
extern const Query query_statistics_by;
extern const Query query_statistics_expired;
extern const Query query_statistics_woken;
extern const Query query_suppression_check;
extern const Query query_suppression_clean;
extern const Query query_suppression_put;

#endif
